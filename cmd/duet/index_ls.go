package main

import (
	"github.com/spf13/cobra"

	"duet/cmd/duet/inspect"
)

func (a *app) indexLsCmd() *cobra.Command {
	in := &inspection{q: inspect.Query{Kind: inspect.Ls}}
	cmd := &cobra.Command{
		Use:   "ls [GLOB|DIR]",
		Short: "List paths",
		Long: `List what the index holds, all of it, below DIR, or what matches GLOB: one without a
slash is matched against the last component, one with a slash against the whole path,
where ** is any number of directories. With -l: kind, mode, owner, size, modification
time, and the version, which is the position of each node's last own edit, and whose edit
it is. With --all also what was deleted and is remembered, and what only the peer has.`,
		Example:           "  duet index ls -l\n  duet index ls '*.png'\n  duet index ls --pending --json",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completePaths(""),
		RunE: func(cmd *cobra.Command, args []string) error {
			in.style.Marks = in.style.Long || in.q.Pending
			p, err := a.print(cmd.Context(), in, first(args))
			none := "nothing is there"
			if in.q.Pending {
				none = "nothing has to be done"
			}
			a.ifNone(p, err, none+a.at(first(args)))
			return err
		},
	}
	in.flags(a, cmd)
	cmd.Flags().BoolVarP(&in.style.Long, "long", "l", false, "with kind, mode, owner, size, time and version")
	cmd.Flags().BoolVarP(&in.q.All, "all", "a", false, "also tombstones, and what only the peer has")
	cmd.Flags().BoolVar(&in.q.Pending, "pending", false, "only paths on which a node, or a person, has to act")
	return cmd
}
