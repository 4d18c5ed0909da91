package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"duet/cmd/duet/exit"
	"duet/cmd/duet/node"
)

func (a *app) resumeCmd() *cobra.Command {
	var root bool
	cmd := &cobra.Command{
		Use:   "resume [SHARE]",
		Short: "End a pause, or accept a replaced root",
		Long: `End a pause of a share, or of all.

With --accept-root, take the directory that is now at the share's path as its root, after
the share halted because it is another one than before. What is missing in it counts as
deleted then, as if it had been removed, and 'max_delete' holds for that too.`,
		Example:           "  duet resume images\n  duet resume images --accept-root",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeShare,
		RunE: func(cmd *cobra.Command, args []string) error {
			if root {
				return a.orderOne(cmd.Context(), node.AcceptRoot, first(args), nil, "the directory there now is the root")
			}
			err := a.order(cmd.Context(), node.Resume, first(args), nil, "resumed")
			return errors.Join(err, a.stillHalted(cmd.Context(), first(args)))
		},
	}
	cmd.Flags().BoolVar(&root, "accept-root", false, "accept a replaced root")
	return cmd
}

// stillHalted says which of the shares a resume cannot help.
func (a *app) stillHalted(ctx context.Context, share string) error {
	cfg, err := a.load()
	if err != nil {
		return nil // which the order has said
	}
	client, err := node.Dial(cfg.State)
	if err != nil {
		return nil
	}
	st, err := client.Status(ctx)
	if err != nil {
		return err
	}
	for _, sh := range st.Shares {
		if (share == "" || sh.Name == share) && sh.State.Halted() {
			return exit.With(exit.Halted, fmt.Errorf("a halt is no pause, and goes on: %w", sh.Blocked()))
		}
	}
	return nil
}
