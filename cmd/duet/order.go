package main

import (
	"context"
	"net/url"

	"github.com/spf13/cobra"

	"duet/cmd/duet/config"
	"duet/cmd/duet/node"
)

// eachShare has the running daemon asked for the share of this name, or for all, one
// after the other, whatever comes of the others.
func eachShare(cfg *config.Config, name string, f func(c *node.Client, share string) error) error {
	list, err := shares(cfg, name)
	if err != nil {
		return err
	}
	client, err := node.Dial(cfg.State)
	if err != nil {
		return err
	}
	errs := make([]error, 0, len(list))
	for _, s := range list {
		errs = append(errs, f(client, s.Name))
	}
	return gravest(errs)
}

// order has the running daemon do something with one share or all.
func (a *app) order(ctx context.Context, o node.Order, share string, params url.Values, done string) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	return eachShare(cfg, share, func(c *node.Client, share string) error {
		if err := c.Order(ctx, o, share, params); err != nil {
			return err
		}
		if a.json {
			return a.printJSON(map[string]string{"share": share, "done": string(o)})
		}
		a.printf("%s: %s\n", share, done)
		return nil
	})
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
