package main

import (
	"github.com/spf13/cobra"

	"duet/cmd/duet/inspect"
)

func (a *app) conflictsCmd() *cobra.Command {
	in := &inspection{q: inspect.Query{Kind: inspect.Conflicts}}
	cmd := &cobra.Command{
		Use:     "conflicts [GLOB|DIR]",
		Short:   "List conflicts, and where the losers are kept",
		Long:    "List the paths that both sides had changed to different things: who won, by which rule,\nand where the loser is kept; or that they wait for a person.",
		Example: "  duet conflicts\n  duet conflicts --share images --json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			sum, err := a.print(cmd.Context(), in, first(args))
			if err == nil && sum.Rows == 0 && !a.json {
				a.printf("no conflicts\n")
			}
			return err
		},
	}
	in.flags(a, cmd)
	return cmd
}
