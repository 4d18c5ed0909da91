package main

import "github.com/spf13/cobra"

func (a *app) keptCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "kept",
		Short:   "List and restore displaced versions",
		Long:    "Whatever Duet displaced, because the peer changed or deleted it or because it lost a\nconflict, is kept on the node that displaced it.",
		Example: "  duet kept ls\n  duet kept restore 17",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.keptLsCmd(), a.keptRestoreCmd())
	return cmd
}
