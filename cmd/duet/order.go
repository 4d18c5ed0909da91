package main

import (
	"context"
	"net/url"

	"github.com/spf13/cobra"

	"duet/cmd/duet/node"
)

// order has the running daemon do something with one share or all.
func (a *app) order(ctx context.Context, o node.Order, share string, params url.Values, done string) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	list, err := shares(cfg, share)
	if err != nil {
		return err
	}
	client, err := node.Dial(cfg.State)
	if err != nil {
		return err
	}
	errs := make([]error, 0, len(list))
	for _, s := range list {
		err := client.Order(ctx, o, s.Name, params)
		errs = append(errs, err)
		if err != nil {
			continue
		}
		if a.json {
			err = a.printJSON(map[string]string{"share": s.Name, "done": string(o)})
		} else {
			a.printf("%s: %s\n", s.Name, done)
		}
		if err != nil {
			return err
		}
	}
	return gravest(errs)
}

// orderCmd is a command that is nothing but an order.
func (a *app) orderCmd(o node.Order, short, long, example, done string) *cobra.Command {
	return &cobra.Command{
		Use: string(o) + " [SHARE]", Short: short, Long: long, Example: example, Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeShare,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.order(cmd.Context(), o, first(args), nil, done)
		},
	}
}
