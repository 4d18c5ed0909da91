package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"duet/cmd/duet/config"
	"duet/cmd/duet/exit"
	"duet/cmd/duet/inspect"
	"duet/cmd/duet/node"
	"duet/replicate/report"
)

// recovering is one 'duet recover' at work.
type recovering struct {
	*app
	cfg    *config.Config
	client *node.Client
	dryRun bool
	yes    bool
	wait   time.Duration
}

func (a *app) recoverCmd() *cobra.Command {
	r := &recovering{app: a}
	var verbose bool
	cmd := &cobra.Command{
		Use:   "recover [SHARE]",
		Short: "After an outage: see what each side did, and bring both together",
		Long: `After an outage, show what each side did meanwhile and the plan to bring both together,
ask, apply it, show the progress, and verify the result.

With a running daemon it is asked; without one this command runs the node itself, holding
everything back until you agree, and stops it when both sides are in sync. The other host
must be running. With 'on_reconnect: hold' a daemon, too, waits for this command after
each outage, and with 'hold_after: 24h' after one that was longer; otherwise it goes ahead
by itself, and this command shows it.`,
		Example:           "  duet recover --dry-run\n  duet recover images --yes",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeShare,
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.run(cmd.Context(), first(args), verbose)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&r.dryRun, "dry-run", false, "show the plan, apply nothing")
	f.BoolVarP(&r.yes, "yes", "y", false, "do not ask")
	f.DurationVar(&r.wait, "wait", 30*time.Second, "how long to wait for the other host")
	f.BoolVar(&verbose, "verbose", false, "also log what the node does, if this command runs it")
	return cmd
}

func (r *recovering) run(ctx context.Context, share string, verbose bool) (err error) {
	if r.cfg, err = r.load(); err != nil {
		return err
	}
	list, err := shares(r.cfg, share)
	if err != nil {
		return err
	}
	if !r.yes && !r.dryRun && !terminal(r.in) {
		return exit.Errorf(exit.Usage, "there is no terminal to ask on: look with --dry-run, then apply with --yes")
	}
	ctx, stop := stopping(ctx, func(os.Signal) {})
	defer stop()
	r.client, err = node.Dial(r.cfg.State)
	if errors.Is(err, node.ErrNotRunning) {
		var end func() error
		if end, err = r.foreground(ctx, share, verbose); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, end()) }()
		r.client, err = node.Dial(r.cfg.State)
	}
	if err != nil {
		return err
	}
	errs := make([]error, 0, len(list))
	for _, s := range list {
		err := r.share(ctx, s.Name)
		if ctx.Err() != nil {
			return exit.Errorf(exit.Partial, "interrupted: nothing is lost, run it again to go on")
		}
		errs = append(errs, err)
	}
	return gravest(errs)
}

// foreground runs the node in this process, holding back, until end is called.
func (r *recovering) foreground(ctx context.Context, share string, verbose bool) (end func() error, err error) {
	level := slog.LevelError
	if verbose {
		level = slog.LevelInfo
	}
	log := slog.New(slog.NewTextHandler(r.err, &slog.HandlerOptions{Level: level}))
	ready := make(chan struct{})
	n, err := node.Open(r.cfg, node.Options{
		Log: log, Verbose: verbose, Hold: true, Only: share, Version: versionText(), Ready: func() { close(ready) },
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	select {
	case <-ready:
	case err := <-ended:
		cancel()
		return nil, err
	}
	return func() error { cancel(); return <-ended }, nil
}

// share recovers one share.
func (r *recovering) share(ctx context.Context, name string) error {
	st, err := r.settled(ctx, name)
	if err != nil {
		return err
	}
	// What is planned may change while a person reads it; Apply then refuses.
	const tries = 5
	for try := range tries {
		plan, err := r.client.Plan(ctx, name)
		if err != nil {
			return err
		}
		if err := r.showPlan(plan, st); err != nil {
			return err
		}
		switch {
		case !plan.Connected:
			return exit.Errorf(exit.Unreachable, "share %q: the other host cannot be reached%s: start duet there, or see 'duet status'", name, because(st.LastError))
		case r.dryRun, plan.Empty() && !plan.Held:
			return r.outcome(ctx, name)
		case !plan.Held:
			return r.finish(ctx, name) // it is being applied already
		case !r.agreed(plan):
			return exit.Errorf(exit.Partial, "share %q: nothing was applied", name)
		}
		err = r.client.Order(ctx, node.Apply, name, url.Values{"id": {plan.ID}})
		if err == nil {
			return r.finish(ctx, name)
		}
		if now, perr := r.client.Plan(ctx, name); perr != nil || now.ID == plan.ID || try == tries-1 {
			return err
		}
		fmt.Fprintf(r.err, "the plan changed meanwhile: %v\n", err)
	}
	return nil
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return " (" + why + ")"
}

// settled waits until the share has scanned, is connected and has heard all
// that the peer has to say, or until waiting is over.
func (r *recovering) settled(ctx context.Context, name string) (report.Status, error) {
	var st report.Status
	line := newProgressLine(r.err)
	defer line.end()
	// A scan takes as long as it takes; only waiting for the peer is bounded.
	since := time.Now()
	for {
		var err error
		if st, err = r.status(ctx, name); err != nil {
			return st, err
		}
		switch {
		case st.State.Halted():
			return st, exit.Errorf(exit.Halted, "share %q is %s: %s", name, st.State, st.Reason)
		case st.State == report.Starting, st.State == report.Scanning:
			since = time.Now()
			line.show(name, st)
		case st.Connected && st.Behind == 0 && st.Dirty == 0 && st.State != report.Connecting:
			return st, nil
		case time.Since(since) > r.wait:
			return st, nil // the plan says that it is not connected
		default:
			line.show(name, st)
		}
		if err := pause(ctx); err != nil {
			return st, err
		}
	}
}

// status is one share's.
func (r *recovering) status(ctx context.Context, name string) (report.Status, error) {
	s, err := r.client.Status(ctx)
	if err != nil {
		return report.Status{}, err
	}
	for _, sh := range s.Shares {
		if sh.Name == name {
			return sh, nil
		}
	}
	return report.Status{}, exit.Errorf(exit.Usage, "the running daemon has no share %q: restart it if the config changed", name)
}

// pause is the pace at which a daemon is asked how it is.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(100 * time.Millisecond):
		return nil
	}
}

// agreed asks the person, unless --yes did.
func (r *recovering) agreed(p *report.Plan) bool {
	if r.yes {
		return true
	}
	return r.confirmed(fmt.Sprintf("apply plan %s to share %q?", p.ID, p.Share))
}

// confirmed asks the person at the terminal.
func (a *app) confirmed(question string) bool {
	fmt.Fprintf(a.err, "%s [y/N] ", question)
	answer, err := bufio.NewReader(a.in).ReadString('\n')
	if err != nil {
		return false
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes"
}

// finish waits until both sides are in sync, and verifies.
func (r *recovering) finish(ctx context.Context, name string) error {
	line := newProgressLine(r.err)
	defer line.end()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	flushed := make(chan error, 1)
	go func() { flushed <- r.client.Order(ctx, node.Flush, name, nil) }()
	for {
		select {
		case err := <-flushed:
			line.end()
			if code := exit.Code(err); code == exit.Halted || code == exit.Unreachable || errors.Is(err, context.Canceled) {
				return err
			}
			return r.outcome(ctx, name)
		case <-time.After(100 * time.Millisecond):
		}
		st, err := r.status(ctx, name)
		if err != nil {
			return err
		}
		line.show(name, st)
		// Flush would wait for ever for what needs a person.
		if code := shareCode(st); code == exit.Halted || code == exit.MaxDelete || code == exit.Unreachable {
			line.end()
			return r.outcome(ctx, name)
		}
	}
}

// outcome says how the share is now, having checked its index.
func (r *recovering) outcome(ctx context.Context, name string) error {
	st, err := r.status(ctx, name)
	if err != nil {
		return err
	}
	if r.dryRun {
		return nil
	}
	answer, err := ask(ctx, r.cfg, inspect.Query{Kind: inspect.Check, Share: name})
	if err != nil {
		return err
	}
	defer answer.Close()
	p := inspect.NewPrinter(r.err, inspect.Check, inspect.Style{})
	if err := p.Print(answer); err != nil {
		return err
	}
	if p.Broken > 0 {
		return exit.Errorf(exit.Halted, "share %q: the index is not sound", name)
	}
	sum, err := r.compared(ctx, name, st)
	if err != nil {
		return err
	}
	code := shareCode(st)
	if code == exit.OK && sum != nil && sum.Drift() > 0 {
		code = exit.Partial
	}
	if r.json {
		err := r.printJSON(st)
		if sum != nil {
			err = errors.Join(err, r.printJSON(sum))
		}
		return errors.Join(err, exit.Silent(code))
	}
	switch {
	case sum != nil && sum.Drift() > 0:
		r.printf("%s%s: see 'duet index diff %s:'\n", sum.Text(), name, name)
	case code == exit.OK && st.InSync():
		r.printf("%s: in sync, %s, %s%s\n", name, plural(st.Files, "file"), sizeText(st.Bytes), sum.Agreed())
	case code == exit.OK:
		r.printf("%s: %s\n", name, st.State)
	default:
		var notes strings.Builder
		shareNotes(&notes, st, true, time.Now())
		r.printf("%s: %s\n%s", name, st.State, notes.String())
	}
	return exit.Silent(code)
}

// compared checks by digest that both sides have the same; nil if that cannot be
// told now.
func (r *recovering) compared(ctx context.Context, name string, st report.Status) (*inspect.Compared, error) {
	if !st.Connected {
		return nil, nil
	}
	sum, err := r.client.Agree(ctx, name)
	if err == nil {
		return sum, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	fmt.Fprintf(r.err, "not compared with the other side: %v\n", err)
	return nil, nil
}
