package main

import (
	"context"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"duet/cmd/duet/exit"
	"duet/cmd/duet/node"
	"duet/replicate/report"
)

func (a *app) rejectCmd() *cobra.Command {
	var id string
	var yes bool
	cmd := &cobra.Command{
		Use:   "reject [SHARE] [ID]",
		Short: "Bring back what deletes that wait would delete",
		Long: `Do not let deletes that wait for approval happen: what they would delete stays on this
host, and goes back to the host on which it was deleted, with modes, times and owners.
'duet status' says how many wait, and why; 'duet approve' is the other answer. With an ID
it is only for what has that one.

Where this host's own root was found empty, nothing is left here that could go back. Then
the index forgets what was in it, and the share is filled again with all that the other
host has. What only this host had is not there either; displaced versions stay, see 'duet
kept ls'. That is asked first, unless --yes is given. If only a filesystem is not mounted,
mount it instead: then there is nothing to answer.`,
		Example:           "  duet status\n  duet reject images\n  duet reject images 6b2f01c4 --yes",
		Args:              cobra.MaximumNArgs(2),
		ValidArgsFunction: a.completeWaiting,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				id = args[1]
			}
			return a.reject(cmd.Context(), first(args), id, yes)
		},
	}
	cmd.Flags().StringVar(&id, "id", "", "only if what waits still has this `id`, as 'duet status --json' shows it")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

func (a *app) reject(ctx context.Context, share, id string, yes bool) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	if share, err = only(cfg, share); err != nil {
		return err
	}
	client, err := node.Dial(cfg.State)
	if err != nil {
		return err
	}
	r := &recovering{app: a, cfg: cfg, client: client}
	st, err := r.status(ctx, share)
	if err != nil {
		return err
	}
	done := "rejected: what they would have deleted stays, and goes back to " + cfg.Peer.Name
	if w := st.Waiting; w != nil && w.ID == report.EmptiedID {
		done = "rejected: the share is filled again from " + cfg.Peer.Name
		if err := a.refill(st, cfg.Peer.Name, yes); err != nil {
			return err
		}
		id = w.ID
	}
	return a.order(ctx, node.Reject, share, url.Values{"id": {id}}, done)
}

// refill says what rejecting an emptied root does, and asks.
func (a *app) refill(st report.Status, peer string, yes bool) error {
	if yes {
		return nil
	}
	fmt.Fprintf(a.err, `%s is empty, and %s are in its index. The index will forget them, and the share be
filled again with all that %s has. What %s never got is not there; displaced versions
stay, see 'duet kept ls'. If a filesystem is only not mounted, mount it instead.
`, st.Root, report.Count(st.Waiting.Deletes, "path"), peer, peer)
	if st.PendingOut > 0 {
		fmt.Fprintf(a.err, "%s has not confirmed the last changes of %s.\n", peer, report.Count(st.PendingOut, "path"))
	}
	if !terminal(a.in) {
		return exit.Errorf(exit.Usage, "there is no terminal to ask on: if that is what you want, add --yes")
	}
	if !a.confirmed("fill share " + st.Name + " again from " + peer + "?") {
		return exit.Errorf(exit.Partial, "share %q: nothing was done", st.Name)
	}
	return nil
}
