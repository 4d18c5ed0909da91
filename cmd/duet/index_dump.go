package main

import (
	"github.com/spf13/cobra"

	"duet/cmd/duet/inspect"
)

func (a *app) indexDumpCmd() *cobra.Command {
	in := &inspection{q: inspect.Query{Kind: inspect.Dump}}
	cmd := &cobra.Command{
		Use:   "dump",
		Short: "Print all that the index holds, as JSON lines",
		Long: `Print all that the index holds, in one consistent view, as JSON lines. Each has the
keys "type" (meta, record, event, intent, kept or conflict), "share", and one named as
its type says.`,
		Example: "  duet index dump --share images | jq 'select(.type == \"record\")'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := a.print(cmd.Context(), in, "")
			return err
		},
	}
	in.flags(a, cmd)
	return cmd
}
