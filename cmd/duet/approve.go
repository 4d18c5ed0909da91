package main

import (
	"net/url"

	"github.com/spf13/cobra"

	"duet/cmd/duet/exit"
	"duet/cmd/duet/node"
)

func (a *app) approveCmd() *cobra.Command {
	var id string
	var root bool
	cmd := &cobra.Command{
		Use:   "approve SHARE",
		Short: "Let deletes that wait for approval happen",
		Long: `Let deletes that wait for approval, because there are more than max_delete or because
the whole root was emptied, happen. 'duet status' says how many wait, and why.

With --root, take the directory that is now at the share's path as its root, after the
share halted because it is another one than before.`,
		Example:           "  duet approve images\n  duet approve images --root",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeShare,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.load()
			if err != nil {
				return err
			}
			share, err := only(cfg, first(args))
			if err != nil {
				return err
			}
			if !root {
				return a.order(cmd.Context(), node.Approve, share, url.Values{"id": {id}}, "approved")
			}
			if id != "" {
				return exit.Errorf(exit.Usage, "--id and --root do not go together")
			}
			return a.order(cmd.Context(), node.AcceptRoot, share, nil, "the directory there now is the root")
		},
	}
	cmd.Flags().StringVar(&id, "id", "", "only if what waits still has this `id`, as 'duet status --json' shows it")
	cmd.Flags().BoolVar(&root, "root", false, "accept a replaced root")
	return cmd
}
