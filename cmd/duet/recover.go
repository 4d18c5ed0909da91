package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"duet/cmd/duet/config"
	"duet/cmd/duet/exit"
	"duet/cmd/duet/node"
	"duet/replicate/report"
	"duet/store/index"
)

// planID is what the id of a plan looks like.
var planID = regexp.MustCompile(`^[0-9a-f]{12}$`)

// recovering is one 'duet recover' at work.
type recovering struct {
	*app
	cfg    *config.Config
	client *node.Client

	dryRun, yes, all       bool
	acceptRoot, acceptGone bool
	wait                   time.Duration
	planFile, apply        string
	conflict, deletes      string
	paths, choose          []string
}

const recoverLong = `After an outage, show what each side did meanwhile and the plan to bring both together,
ask, apply it, show the progress, and verify the result.

With a running daemon it is asked; without one this command runs the node itself, holding
everything back until you agree, and stops it when both sides are in sync. The other host
must be running. With 'on_reconnect: hold' a daemon, too, waits for this command after
each outage, and with 'hold_after: 24h' after one that was longer; otherwise it goes ahead
by itself, and this command shows it.

A plan has an id, which covers both journals' positions, the rules, and what you want
otherwise. --apply does exactly that plan; if anything has moved since, it is refused, and
says what. --plan writes it to a file, in which 'rule' at the beginning of a line may be
changed to ours, theirs, newest, both or skip before it is applied.

A step is written as rsync --itemize-changes does, after the node on which it happens:
  >f+++++++++  a file comes here          <f+++++++++  a file goes to the other host
  >f.cst.....  its content, size and time change there
  cd+++++++++  a directory is made        cL+++++++++  a symlink is made
  .f...p.....  only metadata is set       *deleting    it is deleted (and kept)
Letters: c content, s size, t time, p permissions, o owner, g group.

For this plan only: --conflict settles conflicts by another policy, --deletes hold leaves
out all deletes, --path all that it does not select, --choose takes a side for one path.
'both' keeps the loser under a second name, which the plan shows. What is left out waits
on both hosts, also through restarts, and is shown in 'duet status', until a person
applies another plan.

Exit status: 0 in sync; 1 something was left out or failed; 3 conflicts wait; 4 the other
host is not there; 7 halted; 25 deletes wait for approval.`

func (a *app) recoverCmd() *cobra.Command {
	r := &recovering{app: a}
	var verbose bool
	cmd := &cobra.Command{
		Use:   "recover [SHARE]",
		Short: "After an outage: see what each side did, and bring both together",
		Long:  recoverLong,
		Example: `  duet recover --dry-run
  duet recover images --yes
  duet recover images --dry-run --plan /tmp/images.plan
  duet recover images --apply /tmp/images.plan
  duet recover images --path '2026/**' --deletes hold --conflict tgt-b
  duet recover images --choose logo.png=both`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeShare,
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.run(cmd.Context(), first(args), verbose)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&r.dryRun, "dry-run", false, "show the plan, apply nothing")
	f.BoolVarP(&r.yes, "yes", "y", false, "do not ask")
	f.BoolVar(&r.all, "all", false, "show every path that a side changed, and every step")
	f.StringVar(&r.planFile, "plan", "", "write the plan to this `file`, too")
	f.StringVar(&r.apply, "apply", "", "apply the plan of this `ID|FILE`, and nothing else")
	f.StringVar(&r.conflict, "conflict", "", "settle conflicts by this `policy`: newer, older, larger, smaller, a node's name, or hold")
	f.StringVar(&r.deletes, "deletes", "", "'hold' leaves out what would be deleted")
	f.StringArrayVar(&r.paths, "path", nil, "only this `path`, what is below it, or what matches this glob. It may be repeated")
	f.StringArrayVar(&r.choose, "choose", nil, "`PATH=SIDE`: ours, theirs, newest, both, skip, or a node's name. It may be repeated")
	f.BoolVar(&r.acceptRoot, "accept-root", false, "if the share is halted because its root is another directory: take that one")
	f.BoolVar(&r.acceptGone, "accept-empty", false, "if the root was found empty: let everything be deleted on the other host, too")
	f.DurationVar(&r.wait, "wait", 30*time.Second, "how long to wait for the other host")
	f.BoolVar(&verbose, "verbose", false, "also log what the node does, if this command runs it")
	fixed(cmd, "deletes", "hold")
	fixed(cmd, "conflict", "newer", "older", "larger", "smaller", "hold")
	a.completePathFlag(cmd, "")
	return cmd
}

func (r *recovering) run(ctx context.Context, share string, verbose bool) (err error) {
	if r.cfg, err = r.load(); err != nil {
		return err
	}
	file, err := r.arguments(&share)
	if err != nil {
		return err
	}
	list, err := shares(r.cfg, share)
	if err != nil {
		return err
	}
	if !r.yes && !r.dryRun && r.apply == "" && !terminal(r.in) {
		return exit.Errorf(exit.Usage, "there is no terminal to ask on: look with --dry-run, then apply with --yes, or --apply and the plan's id")
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
		err := r.share(ctx, s.Name, file)
		if ctx.Err() != nil {
			return exit.Errorf(exit.Partial, "interrupted: nothing is lost, run it again to go on")
		}
		errs = append(errs, err)
	}
	return gravest(errs)
}

// arguments reads what does not go together, and finds out which share is meant.
// It returns the plan to apply if that is in a file.
func (r *recovering) arguments(share *string) (*planFile, error) {
	if r.apply != "" && r.dryRun {
		return nil, exit.Errorf(exit.Usage, "--apply and --dry-run: which of the two?")
	}
	asked := r.conflict != "" || r.deletes != "" || len(r.paths)+len(r.choose) > 0
	for i, text := range r.paths {
		name, pattern, err := locate(r.cfg, *share, text)
		if err != nil {
			return nil, err
		}
		if *share, err = only(r.cfg, name); err != nil {
			return nil, err
		}
		r.paths[i] = pattern
	}
	for i, text := range r.choose {
		path, side, ok := cutLast(text, "=")
		if !ok {
			return nil, exit.Errorf(exit.Usage, "--choose %s: want PATH=SIDE, as in logo.png=both", text)
		}
		name, path, err := locate(r.cfg, *share, path)
		if err != nil {
			return nil, err
		}
		if *share, err = only(r.cfg, name); err != nil {
			return nil, err
		}
		r.choose[i] = index.Quote(path) + "=" + side
	}
	if r.apply == "" {
		if r.planFile != "" || asked {
			name, err := only(r.cfg, *share)
			*share = name
			return nil, err
		}
		return nil, nil
	}
	if _, err := os.Stat(r.apply); err != nil {
		if !planID.MatchString(r.apply) {
			return nil, exit.Errorf(exit.Usage, "--apply %s: there is no such file, nor is that a plan's id, such as 92219410ef98: 'duet recover --dry-run' shows one, and with --plan FILE writes the plan to a file", r.apply)
		}
		name, err := only(r.cfg, *share)
		*share = name
		return nil, err
	}
	if asked {
		return nil, exit.Errorf(exit.Usage, "--apply FILE: the file says what is wanted; change it there")
	}
	file, err := readPlanFile(r.apply)
	if err != nil {
		return nil, err
	}
	if *share != "" && *share != file.head.Share {
		return nil, exit.Errorf(exit.Usage, "%s is a plan of share %q, not %q", r.apply, file.head.Share, *share)
	}
	*share = file.head.Share
	return file, nil
}

// cutLast is strings.Cut at the last sep.
func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// orders is what is wanted otherwise than by the rules; nil if nothing is.
func (r *recovering) orders() *report.Orders {
	o := &report.Orders{Conflict: r.conflict, Deletes: r.deletes, Paths: r.paths}
	for _, text := range r.choose {
		path, side, _ := cutLast(text, "=")
		o.Choices = append(o.Choices, report.Choice{Path: path, Take: side})
	}
	if o.Conflict == "" && o.Deletes == "" && len(o.Paths)+len(o.Choices) == 0 {
		return nil
	}
	return o
}

// foreground runs the node in this process, holding back, until end is called.
func (r *recovering) foreground(ctx context.Context, share string, verbose bool) (end func() error, err error) {
	level := slog.LevelError
	if verbose {
		level = slog.LevelInfo
	}
	log := slog.New(slog.NewTextHandler(r.err, &slog.HandlerOptions{Level: level, ReplaceAttr: clipped}))
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
