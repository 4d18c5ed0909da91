package main

import "github.com/spf13/cobra"

func (a *app) indexCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "index",
		Short: "Look into a share's index",
		Long: `Look into a share's index: what it holds, how it came to be, whether it is sound. The
same whether the daemon runs or not. With --json, one array of objects (show: one object;
dump: one object per line).

A PATH is relative to the share's root, SHARE:PATH, or absolute. Names that a terminal
cannot show are printed, and may be given, as double-quoted strings with escapes.`,
		Example: "  duet index ls\n  duet index history images:logo.png",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.indexLsCmd(), a.indexShowCmd(), a.indexHistoryCmd(), a.indexTombstonesCmd(),
		a.indexStatsCmd(), a.indexCheckCmd(), a.indexRepairCmd(), a.indexDumpCmd(), a.indexDiffCmd(), a.indexCopyCmd())
	return cmd
}

// first is an optional argument.
func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}
