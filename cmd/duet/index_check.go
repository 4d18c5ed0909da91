package main

import (
	"github.com/spf13/cobra"

	"duet/cmd/duet/exit"
	"duet/cmd/duet/inspect"
)

func (a *app) indexCheckCmd() *cobra.Command {
	in := &inspection{q: inspect.Query{Kind: inspect.Check}}
	cmd := &cobra.Command{
		Use:     "check",
		Short:   "Check every invariant of the index",
		Long:    "Check every invariant of the index. Exit status 7 if one is broken.",
		Example: "  duet index check\n  duet index check --share images --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			sum, err := a.print(cmd.Context(), in, "")
			if err == nil && sum.Broken > 0 {
				return exit.Silent(exit.Halted)
			}
			return err
		},
	}
	in.flags(a, cmd)
	return cmd
}
