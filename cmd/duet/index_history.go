package main

import (
	"github.com/spf13/cobra"

	"duet/cmd/duet/exit"
	"duet/cmd/duet/inspect"
)

func (a *app) indexHistoryCmd() *cobra.Command {
	in := &inspection{q: inspect.Query{Kind: inspect.History}}
	cmd := &cobra.Command{
		Use:   "history [PATH|GLOB]",
		Short: "Show the journal, newest first",
		Long: `Show the journal of a path and of what is below it, or of the whole share, newest first:
what happened, by whom, how it was noticed, and the rule that decided. Of an edit of the
peer's also how and when it was noticed there. A path is followed across renames: to the
names that it had before, and to those that it got later.`,
		Example:           "  duet index history images:logo.png\n  duet index history --limit 20",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completePaths("all"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if in.q.Limit < 0 {
				return exit.Errorf(exit.Usage, "--limit %d: want a number of lines, or 0 for all", in.q.Limit)
			}
			p, err := a.print(cmd.Context(), in, first(args))
			a.ifNone(p, err, "the journal mentions nothing"+a.at(first(args)))
			return err
		},
	}
	in.flags(a, cmd)
	cmd.Flags().IntVarP(&in.q.Limit, "limit", "n", 0, "only so many, the newest; 0: all")
	return cmd
}
