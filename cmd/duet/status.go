package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"duet/cmd/duet/config"
	"duet/cmd/duet/exit"
	"duet/cmd/duet/inspect"
	"duet/cmd/duet/node"
	"duet/replicate/report"
)

func (a *app) statusCmd() *cobra.Command {
	var watch bool
	var every time.Duration
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how the node and its shares are",
		Long: `Show how the node and its shares are: state, counts, what is pending in each direction,
problems with path and reason, progress of long work.

Exit status: 0 all is well; 7 not running, or a share is halted; 25 deletes wait for
approval; 4 not connected; 3 conflicts wait for a person; 1 some paths have problems.`,
		Example: "  duet status\n  duet status --json | jq '.shares[].state'\n  duet status --watch",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.load()
			if err != nil {
				return err
			}
			if watch {
				return a.watch(cmd.Context(), cfg, every)
			}
			return a.status(cmd.Context(), cfg)
		},
	}
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "show it again and again, until interrupted")
	cmd.Flags().DurationVar(&every, "every", time.Second, "how often, with --watch")
	return cmd
}

func (a *app) status(ctx context.Context, cfg *config.Config) error {
	s, err := statusOf(ctx, cfg)
	if s == nil {
		return err
	}
	if perr := a.showStatus(s); perr != nil {
		return perr
	}
	if err != nil {
		return err
	}
	return exit.Silent(statusCode(s))
}

func (a *app) showStatus(s *node.Status) error {
	if a.json {
		return a.printJSON(s)
	}
	return statusText(a.out, s, time.Now())
}

// statusOf is the running node's status. Without a daemon it is what the
// indexes say, and the error says that none runs.
func statusOf(ctx context.Context, cfg *config.Config) (*node.Status, error) {
	client, err := node.Dial(cfg.State)
	if err == nil {
		return client.Status(ctx)
	}
	if !errors.Is(err, node.ErrNotRunning) {
		return nil, err
	}
	s := &node.Status{Node: cfg.Node, State: cfg.State, Config: cfg.File, Version: versionText(),
		Peer: node.PeerStatus{Name: cfg.Peer.Name, Address: cfg.Peer.Address}, Shares: []report.Status{}}
	for _, share := range cfg.Shares {
		s.Shares = append(s.Shares, stopped(ctx, cfg, share))
	}
	return s, err
}

// stopped is what the index says of a share while no daemon runs.
func stopped(ctx context.Context, cfg *config.Config, share config.Share) report.Status {
	st := report.Status{Name: share.Name, State: node.Stopped, Root: share.Path, Problems: []report.Problem{}}
	answer, err := ask(ctx, cfg, inspect.Query{Kind: inspect.StatsOf, Share: share.Name})
	if err != nil {
		st.Reason = err.Error()
		return st
	}
	defer answer.Close()
	row, err := inspect.One[inspect.Stats](answer)
	if err != nil {
		st.Reason = err.Error()
		return st
	}
	st.Files, st.Dirs, st.Links, st.Bytes, st.Epoch = row.Files, row.Dirs, row.Links, row.Bytes, row.Epoch
	st.PendingIn, st.PendingOut, st.Held, st.Conflicts = row.Take, row.Wait, row.Held, row.Conflicts
	st.Head, st.Heard, st.Acked, st.Kept, st.KeptBytes = row.Head, row.Heard, row.Acked, row.Kept, row.KeptBytes
	st.Ignored = row.Ignored
	st.Reason = row.Halt
	return st
}

// statusCode is the exit status for a running node: the gravest of its shares'.
func statusCode(s *node.Status) int {
	code := exit.OK
	for _, sh := range s.Shares {
		if c := shareCode(sh); rank(c) < rank(code) {
			code = c
		}
	}
	return code
}

func shareCode(sh report.Status) int {
	switch {
	case sh.State.Halted():
		return exit.Halted
	case sh.Waiting == nil && sh.LeftOut != nil && sh.State == report.WaitingApproval:
		return exit.Partial
	case sh.Waiting != nil, sh.State == report.WaitingApproval:
		return exit.MaxDelete
	case !sh.Connected:
		return exit.Unreachable
	case sh.Held > 0:
		return exit.Conflicts
	case sh.Verify != nil && sh.Verify.Contents.Bad() > 0:
		return exit.Partial
	}
	for _, p := range sh.Problems {
		if !p.Skipped {
			return exit.Partial
		}
	}
	return exit.OK
}

// watch shows the status whenever it is due: over the last one on a terminal,
// else one after the other.
func (a *app) watch(ctx context.Context, cfg *config.Config, every time.Duration) error {
	if every < 50*time.Millisecond {
		return exit.Errorf(exit.Usage, "--every %v: not less than 50ms", every)
	}
	ctx, stop := stopping(ctx, func(os.Signal) {})
	defer stop()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		s, err := statusOf(ctx, cfg)
		if ctx.Err() != nil {
			return nil
		}
		if s == nil {
			return err
		}
		if terminal(a.out) && !a.json {
			clearScreen(a.out)
		}
		if err := a.showStatus(s); err != nil {
			return err
		}
		if !a.json {
			fmt.Fprintln(a.out)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
