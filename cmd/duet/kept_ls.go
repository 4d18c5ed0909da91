package main

import (
	"github.com/spf13/cobra"

	"duet/cmd/duet/inspect"
)

func (a *app) keptLsCmd() *cobra.Command {
	in := &inspection{q: inspect.Query{Kind: inspect.KeptLs}}
	cmd := &cobra.Command{
		Use:     "ls [GLOB|DIR]",
		Short:   "List kept versions",
		Long:    "List kept versions: id, when it was displaced, path, size, why and by whom.",
		Example: "  duet kept ls\n  duet kept ls '*.html' --json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			sum, err := a.print(cmd.Context(), in, first(args))
			if err == nil && sum.Rows == 0 && !a.json {
				a.printf("no kept versions on this node\n")
			}
			return err
		},
	}
	in.flags(a, cmd)
	return cmd
}
