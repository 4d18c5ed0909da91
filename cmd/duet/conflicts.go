package main

import (
	"github.com/spf13/cobra"

	"duet/cmd/duet/inspect"
)

func (a *app) conflictsCmd() *cobra.Command {
	ls := a.conflictsLsCmd()
	cmd := &cobra.Command{
		Use:   "conflicts [GLOB|DIR]",
		Short: "List, show and settle conflicts",
		Long: `A conflict is a path that both sides changed to different things, neither knowing of the
other's change. The share's rule settles it and keeps the loser, or, with 'conflict:
hold', each node keeps its own until a person chooses. Both nodes list it until then.

Without a command this lists them, as 'duet conflicts ls' does.`,
		Example: `  duet conflicts
  duet conflicts show images:logo.png
  duet conflicts diff images:index.html
  duet conflicts resolve --take ours images:logo.png
  duet conflicts resolve --take tgt-b --path 'images:2026/**' --dry-run
  duet conflicts undo --last`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completePaths(""),
		RunE:              ls.RunE,
	}
	cmd.Flags().AddFlagSet(ls.Flags())
	cmd.AddCommand(ls, a.conflictsShowCmd(), a.conflictsDiffCmd(), a.conflictsResolveCmd(), a.conflictsUndoCmd())
	return cmd
}

func (a *app) conflictsLsCmd() *cobra.Command {
	in := &inspection{q: inspect.Query{Kind: inspect.Conflicts}}
	cmd := &cobra.Command{
		Use:   "ls [GLOB|DIR]",
		Short: "List conflicts, and where the losers are kept",
		Long: `List the paths that both sides had changed to different things, until a person has
settled them: who won, by which rule, and where the loser is kept; or that they wait.`,
		Example:           "  duet conflicts ls\n  duet conflicts ls '2026/**' --share images --json\n  duet conflicts ls --all",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completePaths(""),
		RunE: func(cmd *cobra.Command, args []string) error {
			sum, err := a.print(cmd.Context(), in, first(args))
			a.ifNone(sum, err, "no conflicts"+a.at(first(args)))
			return err
		},
	}
	in.flags(a, cmd)
	cmd.Flags().BoolVar(&in.q.All, "all", false, "also those that a person has settled")
	return cmd
}

func (a *app) conflictsShowCmd() *cobra.Command {
	in := &inspection{q: inspect.Query{Kind: inspect.ConflictShow, Exact: true}}
	cmd := &cobra.Command{
		Use:   "show PATH",
		Short: "Show both sides of a conflict",
		Long: `Show both sides of the conflict of a path: what each node had, when and how that was
noticed, by which rule it was settled, where the loser is kept, what is there now, and
what can be done.`,
		Example:           "  duet conflicts show logo.png\n  duet conflicts show images:logo.png --json",
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
