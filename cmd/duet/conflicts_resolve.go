package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"duet/cmd/duet/config"
	"duet/cmd/duet/exit"
	"duet/cmd/duet/node"
	"duet/replicate/report"
	"duet/replicate/ruling"
)

// resolving is the flags of conflicts resolve.
type resolving struct {
	share, take string
	paths       []string
	force, dry  bool
}

func (a *app) conflictsResolveCmd() *cobra.Command {
	var r resolving
	cmd := &cobra.Command{
		Use:   "resolve [PATH...]",
		Short: "Settle conflicts, one or many",
		Long: `Settle conflicts, those that wait for a person and those that a rule has settled: what
the paths are to be, on both hosts.

  ours, theirs   what this node had, what the peer had, when they met
  NODE           what the node of that name had
  newest         the later modification time
  winner, loser  of a conflict that a rule has settled: what it put in place (the
                 conflict is only dismissed), or what it displaced

Whoever chose the winner keeps what is there now, also if somebody has gone on with it.
What is displaced is kept, with the reason 'resolved'. The loser may be kept on the other
host: then its content is asked for, and nothing at all is done while that is not
connected. A directory with something in it gives way only with --force.

Each path is whole or not begun; Ctrl-C stops between two. 'duet conflicts undo' takes it
back. Exit status 1 if paths were skipped, 4 if the peer is needed and not there. The
daemon must be running.`,
		Example: `  duet conflicts resolve --take ours logo.png
  duet conflicts resolve --take newest --path 'images:2026/**' --dry-run
  duet conflicts resolve --take tgt-b --path '**' --share images`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: a.completePaths(""),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.paths = append(r.paths, args...)
			return a.resolve(cmd.Context(), r)
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.take, "take", "", "which `side`: ours, theirs, newest, winner, loser, or a node's name")
	f.StringArrayVar(&r.paths, "path", nil, "conflicts of this `path`, below it, or matching this glob; '**' is all. It may be repeated")
	a.completePathFlag(cmd, "")
	a.shareFlag(cmd, &r.share, "the share of this `name`")
	f.BoolVar(&r.force, "force", false, "also where a directory with something in it gives way")
	f.BoolVar(&r.dry, "dry-run", false, "only say what would be done")
	return cmd
}

func (a *app) resolve(ctx context.Context, r resolving) error {
	switch {
	case r.take == "":
		return exit.Errorf(exit.Usage, "which side? Write --take ours, theirs, newest, winner, loser, or a node's name")
	case len(r.paths) == 0:
		return exit.Errorf(exit.Usage, "which conflicts? Name paths or globs; --path '**' is all of them")
	}
	cfg, err := a.load()
	if err != nil {
		return err
	}
	byShare, order, err := locateAll(cfg, r.share, r.paths)
	if err != nil {
		return err
	}
	client, err := node.Dial(cfg.State)
	if err != nil {
		return err
	}
	ctx, stop := interrupted(ctx)
	defer stop()
	var errs []error
	for _, share := range order {
		line := newProgressLine(a.err)
		res, err := client.Resolve(ctx, node.ResolveRequest{
			Share: share, Patterns: byShare[share], Take: r.take, Force: r.force, DryRun: r.dry,
		}, func(p node.Progress) { line.count(share, p.Done, p.Total) })
		line.end()
		errs = append(errs, a.ruled(ctx, res, err, "no conflict there is open: see 'duet conflicts ls'"))
	}
	return gravest(errs)
}

// locateAll finds the shares that patterns are about, in the order in which
// they were named.
func locateAll(cfg *config.Config, share string, args []string) (map[string][]string, []string, error) {
	byShare := map[string][]string{}
	var order []string
	for _, arg := range args {
		name, pattern, err := locate(cfg, share, arg)
		if err != nil {
			return nil, nil, err
		}
		if name, err = only(cfg, name); err != nil {
			return nil, nil, err
		}
		if byShare[name] == nil {
			order = append(order, name)
		}
		byShare[name] = append(byShare[name], pattern)
	}
	return byShare, order, nil
}

// ruled prints what became of an order. What was done before an error is said,
// too.
func (a *app) ruled(ctx context.Context, r *ruling.Result, err error, none string) error {
	if r == nil {
		if ctx.Err() != nil {
			err = exit.Errorf(exit.Partial, "interrupted: what was done by then stays done; see 'duet conflicts ls' for the rest")
		}
		return err
	}
	if a.json {
		err = errors.Join(a.printJSON(r), err)
	} else {
		a.ruledText(r, none)
	}
	if err == nil && r.Skipped+r.Failed > 0 {
		return exit.Silent(exit.Partial)
	}
	return err
}

func (a *app) ruledText(r *ruling.Result, none string) {
	words := map[string]string{ruling.DidKeep: "stays", ruling.DidReplace: "replaced"}
	if r.DryRun {
		words = map[string]string{ruling.DidKeep: "to stay", ruling.DidReplace: "to be replaced"}
	}
	for _, it := range r.Items {
		word := words[it.Did]
		if word == "" {
			word = it.Did
		}
		a.printf("%-14s  %s", word, it.Path)
		if it.Took != "" {
			a.printf(", %s's", it.Took)
		}
		if it.Detail != "" {
			a.printf(": %s", it.Detail)
		}
		a.printf("\n")
	}
	if r.More > 0 {
		a.printf("and %s that are not listed\n", report.Count(r.More, "path"))
	}
	if len(r.Items) == 0 {
		a.printf("%s: %s\n", r.Share, none)
		return
	}
	a.printf("%s: %d replaced, %d as they are", r.Share, r.Replaced, r.Kept)
	for _, rest := range []struct {
		n    int64
		what string
	}{{r.Skipped, "skipped"}, {r.Failed, "failed"}} {
		if rest.n > 0 {
			a.printf(", %d %s", rest.n, rest.what)
		}
	}
	if r.Ruling != 0 && !r.DryRun {
		a.printf("; take it back with: duet conflicts undo %d --share %s", r.Ruling, r.Share)
	}
	a.printf("\n")
	if r.DryRun && r.Away > 0 {
		a.printf("%s: the content of %s is only on the other host, which is not connected: nothing can be done before it is\n", r.Share, report.Count(r.Away, "path"))
	}
}

// count shows how far something is.
func (l *progressLine) count(name string, done, total int) {
	if l.w == nil {
		return
	}
	fmt.Fprintf(l.w, "\r%s: %d of %d paths\x1b[K", name, done, total)
	l.shown = true
}
