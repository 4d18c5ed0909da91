package main

import "github.com/spf13/cobra"

func (a *app) keptCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "kept",
		Short: "List, restore and prune displaced versions",
		Long: `Whatever Duet displaced, because the peer changed or deleted it or because it lost a
conflict, is kept on the node that displaced it, for as long as 'keep' in the config says.`,
		Example: "  duet kept ls\n  duet kept restore 17\n  duet kept restore --since 2h --reason deleted --dry-run",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.keptLsCmd(), a.keptShowCmd(), a.keptRestoreCmd(), a.keptPruneCmd())
	return cmd
}
