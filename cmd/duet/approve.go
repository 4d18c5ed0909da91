package main

import (
	"context"
	"net/url"

	"github.com/spf13/cobra"

	"duet/cmd/duet/node"
	"duet/replicate/report"
)

func (a *app) approveCmd() *cobra.Command {
	var id string
	cmd := &cobra.Command{
		Use:   "approve [SHARE] [ID]",
		Short: "Let deletes that wait for approval happen",
		Long: `Let deletes that wait for approval, because there are more than max_delete or because
the whole root was found empty, happen. 'duet status' says how many wait, and why; 'duet
reject' is the other answer. With an ID it is only for what has that one.`,
		Example:           "  duet recover images --dry-run\n  duet approve images\n  duet approve images 6b2f01c4",
		Args:              cobra.MaximumNArgs(2),
		ValidArgsFunction: a.completeWaiting,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				id = args[1]
			}
			return a.orderOne(cmd.Context(), node.Approve, first(args), url.Values{"id": {id}}, "approved")
		},
	}
	cmd.Flags().StringVar(&id, "id", "", "only if what waits still has this `id`, as 'duet status --json' shows it")
	return cmd
}

// completeWaiting offers the shares' names, and then the ids of what waits there.
func (a *app) completeWaiting(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return a.completeShare(cmd, args, word)
	}
	const nothing = cobra.ShellCompDirectiveNoFileComp
	cfg, err := a.load()
	if err != nil || len(args) > 1 {
		return nil, nothing
	}
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	s, err := statusOf(ctx, cfg)
	if err != nil {
		return nil, nothing
	}
	var words []cobra.Completion
	for _, sh := range s.Shares {
		if sh.Name != args[0] || sh.Waiting == nil {
			continue
		}
		for _, g := range sh.Waiting.Groups {
			words = append(words, cobra.CompletionWithDesc(g.ID, g.Reason))
		}
		if sh.Waiting.Groups == nil {
			words = append(words, cobra.CompletionWithDesc(sh.Waiting.ID, report.Count(sh.Waiting.Deletes, "delete")))
		}
	}
	return words, nothing
}

// orderOne is an order that a person has to give to each share by itself.
func (a *app) orderOne(ctx context.Context, o node.Order, share string, params url.Values, done string) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	if share, err = only(cfg, share); err != nil {
		return err
	}
	return a.order(ctx, o, share, params, done)
}
