package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"duet/cmd/duet/config"
	"duet/cmd/duet/exit"
	"duet/cmd/duet/inspect"
	"duet/cmd/duet/node"
)

// followEvery is how often a log that is followed asks for more.
const followEvery = 300 * time.Millisecond

// reading is the flags of log.
type reading struct {
	since, until, path string
	lines              int
	follow             bool
}

func (a *app) logCmd() *cobra.Command {
	var l reading
	cmd := &cobra.Command{
		Use:   "log [SHARE]",
		Short: "Read the journal",
		Long: `Read the journal, oldest first: every change and decision, when, by which node, how it
was noticed, and the rule that decided. 'journal' in the config says how long it goes
back; what says how a path came to be what it is now stays in any case.

With --json, one object a line.`,
		Example: `  duet log images --since 1h
  duet log --path 'images:2026/**' --since 2026-03-04T12:00
  duet log images --follow --json`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeShare,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("lines") && (l.since != "" || l.path != "") {
				l.lines = 0
			}
			return a.log(cmd.Context(), first(args), l)
		},
	}
	f := cmd.Flags()
	f.StringVar(&l.since, "since", "", "what happened since this `time`: 2h ago, or 2026-03-04T12:00")
	f.StringVar(&l.until, "until", "", "what happened before this `time`")
	f.StringVar(&l.path, "path", "", "only this `path`, what is below it, or what matches this glob")
	a.completePathFlag(cmd, "all")
	f.IntVarP(&l.lines, "lines", "n", 50, "only so many, the newest; 0: all, as with --since and --path")
	f.BoolVarP(&l.follow, "follow", "f", false, "go on as more happens, until interrupted")
	return cmd
}

func (a *app) log(ctx context.Context, share string, l reading) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	q := inspect.Query{Kind: inspect.Log, Limit: l.lines}
	w := window{since: l.since, until: l.until, path: l.path}
	win, share, err := w.read(cfg, share, time.Now())
	if err != nil {
		return err
	}
	q.Window.Since, q.Window.Until, q.Pattern = win.Since, win.Until, win.Pattern
	switch {
	case l.lines < 0:
		return exit.Errorf(exit.Usage, "--lines %d: want a number of lines, or 0 for all", l.lines)
	case win.Until != 0 && win.Until <= win.Since:
		return exit.Errorf(exit.Usage, "--until is not after --since")
	}
	list, err := shares(cfg, share)
	if err != nil {
		return err
	}
	printers := make([]*inspect.Printer, len(list))
	for i := range list {
		printers[i] = inspect.NewPrinter(a.out, inspect.Log, inspect.Style{JSON: a.json, Share: len(list) > 1})
	}
	if l.follow {
		return a.followLog(ctx, cfg, list, printers, q)
	}
	return printLogs(ctx, cfg, list, printers, q)
}

// printLogs prints what there is now, one share after the other.
func printLogs(ctx context.Context, cfg *config.Config, list []config.Share, printers []*inspect.Printer, q inspect.Query) error {
	var errs []error
	for i, p := range printers {
		one := q
		one.Share = list[i].Name
		if p.Through > 0 { // the rest of what was printed before
			one.From, one.Limit, one.Window.Since = p.Through+1, 0, 0
		}
		errs = append(errs, printOne(ctx, cfg, one, p))
	}
	return gravest(errs)
}

// followLog goes on until it is interrupted, or the daemon ends.
func (a *app) followLog(ctx context.Context, cfg *config.Config, list []config.Share, printers []*inspect.Printer, q inspect.Query) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		if _, err := node.Dial(cfg.State); err != nil {
			return err // nothing more will happen
		}
		err := printLogs(ctx, cfg, list, printers, q)
		if ctx.Err() != nil || errors.Is(err, context.Canceled) {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
