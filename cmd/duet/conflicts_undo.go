package main

import (
	"context"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"duet/cmd/duet/exit"
	"duet/cmd/duet/inspect"
	"duet/cmd/duet/node"
)

// undoing is the flags of conflicts undo.
type undoing struct {
	share      string
	last, list bool
}

func (a *app) conflictsUndoCmd() *cobra.Command {
	var u undoing
	cmd := &cobra.Command{
		Use:   "undo [ID]",
		Short: "Take back what 'duet conflicts resolve' did",
		Long: `Take back what one 'duet conflicts resolve' on this node did: each path that nobody has
changed since becomes what it was before, on both hosts, and its conflict is open again.

A conflict that waited for a person waits again where this node had given way, and where
the peer has not followed yet. Where the peer has given way, both keep what this node had,
and the conflict is listed: 'duet conflicts resolve --take loser' swaps the other in.

Exit status 1 if paths were changed since and are left as they are. The daemon must be
running.`,
		Example: `  duet conflicts undo --list
  duet conflicts undo 3 --share images
  duet conflicts undo --last`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeRulings,
		RunE: func(cmd *cobra.Command, args []string) error {
			if u.list {
				return a.rulings(cmd.Context(), u.share)
			}
			return a.takeBack(cmd.Context(), u, first(args))
		},
	}
	f := cmd.Flags()
	a.shareFlag(cmd, &u.share, "the share of this `name`")
	f.BoolVar(&u.last, "last", false, "the last one, whatever its ID")
	f.BoolVar(&u.list, "list", false, "only list what can be taken back")
	return cmd
}

func (a *app) rulings(ctx context.Context, share string) error {
	in := &inspection{share: share, q: inspect.Query{Kind: inspect.Rulings}}
	sum, err := a.print(ctx, in, "")
	a.ifNone(sum, err, "nothing is remembered that could be taken back on this node")
	return err
}

func (a *app) takeBack(ctx context.Context, u undoing, arg string) error {
	var id uint64
	switch {
	case arg != "" && u.last, arg == "" && !u.last:
		return exit.Errorf(exit.Usage, "name the ID that 'duet conflicts undo --list' shows, or --last")
	case arg != "":
		var err error
		if id, err = strconv.ParseUint(arg, 10, 64); err != nil || id == 0 {
			return exit.Errorf(exit.Usage, "%q is no ID: see 'duet conflicts undo --list'", arg)
		}
	}
	cfg, err := a.load()
	if err != nil {
		return err
	}
	share, err := only(cfg, u.share)
	if err != nil {
		return err
	}
	client, err := node.Dial(cfg.State)
	if err != nil {
		return err
	}
	ctx, stop := interrupted(ctx)
	defer stop()
	line := newProgressLine(a.err)
	res, err := client.TakeBack(ctx, node.TakeBackRequest{Share: share, Ruling: id}, func(p node.Progress) { line.count(share, p.Done, p.Total) })
	line.end()
	if res != nil {
		res.Ruling = 0 // it cannot be taken back again
	}
	return a.ruled(ctx, res, err, "nothing of it is left to be taken back")
}

// interrupted returns a context that ends with Ctrl-C, so that what was asked of
// the daemon stops between two paths.
func interrupted(ctx context.Context) (context.Context, context.CancelFunc) {
	return stopping(ctx, func(os.Signal) {})
}
