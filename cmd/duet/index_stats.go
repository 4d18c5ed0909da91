package main

import (
	"github.com/spf13/cobra"

	"duet/cmd/duet/inspect"
)

func (a *app) indexStatsCmd() *cobra.Command {
	in := &inspection{q: inspect.Query{Kind: inspect.StatsOf}}
	cmd := &cobra.Command{
		Use:     "stats",
		Short:   "Count what the index holds",
		Example: "  duet index stats\n  duet index stats --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := a.print(cmd.Context(), in, "")
			return err
		},
	}
	in.flags(a, cmd)
	return cmd
}
