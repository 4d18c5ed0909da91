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
		Use:               "flush [SHARE]",
		Short:             "Wait until both sides have everything",
		Long:              "Wait until both sides have everything that is there now, in one share or in all: for\nscripts, after a deployment. Exit status 4 if that takes longer than --timeout.",
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
				return exit.Errorf(exit.Unreachable, "not everything is on both sides after %v: see 'duet status'", timeout)
			}
			return err
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "give up after this `duration`; 0: never")
	return cmd
}
