package main

import (
	"github.com/spf13/cobra"

	"duet/cmd/duet/inspect"
)

func (a *app) indexShowCmd() *cobra.Command {
	in := &inspection{q: inspect.Query{Kind: inspect.Show, Exact: true}}
	cmd := &cobra.Command{
		Use:               "show PATH",
		Short:             "Show all that is known of one path",
		Long:              "Show all that is known of one path: the state here, what both sides last agreed on, and\nthe peer's state as last heard, with their versions.",
		Example:           "  duet index show images:logo.png\n  duet index show /srv/www/index.html --json",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completePaths(""),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, err := a.print(cmd.Context(), in, args[0])
			return err
		},
	}
	in.flags(a, cmd)
	return cmd
}
