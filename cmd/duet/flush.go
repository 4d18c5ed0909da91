package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"duet/cmd/duet/exit"
	"duet/cmd/duet/node"
)

func (a *app) flushCmd() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "flush [SHARE]",
		Short: "Wait until both sides have everything",
		Long: `Wait until both sides have everything that is there now, in one share or in all: for
scripts, after a deployment. It does not wait for a person: when all that can be done is
done, on both hosts, and the rest waits for somebody, it says for what.

Exit status: 0 both sides have everything; 25 deletes, or a plan, wait for approval; 3
conflicts are held; 7 the share is halted or paused; 1 some paths fail again and again; 4
it took longer than --timeout.`,
		Example:           "  cp -r build/. /srv/www/ && duet flush --timeout 1m",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeShare,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if timeout > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, timeout)
				defer cancel()
			}
			err := a.order(ctx, node.Flush, first(args), nil, "both sides have everything")
			if errors.Is(err, context.DeadlineExceeded) {
				return exit.Errorf(exit.Unreachable, "not everything is on both sides after %v%s: see 'duet status'", timeout, a.whyApart(cmd.Context()))
			}
			return err
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "give up after this `duration`; 0: never")
	return cmd
}

// whyApart says, for the end of a sentence, that the peer is away.
func (a *app) whyApart(ctx context.Context) string {
	cfg, err := a.load()
	if err != nil {
		return ""
	}
	client, err := node.Dial(cfg.State)
	if err != nil {
		return ""
	}
	st, err := client.Status(ctx)
	if err != nil || st.Peer.Connected {
		return ""
	}
	return ": " + st.Peer.Name + " is not connected"
}
