package main

import (
	"context"
	"net/url"
	"path/filepath"

	"github.com/spf13/cobra"

	"duet/cmd/duet/node"
)

func (a *app) keptRestoreCmd() *cobra.Command {
	var share, to string
	cmd := &cobra.Command{
		Use:   "restore ID",
		Short: "Bring a kept version back",
		Long: `Bring a kept version back to its place, from where it is synced like any edit, or with
--to to a file outside the share. What is in its place becomes a kept version itself.
The daemon must be running.`,
		Example: "  duet kept restore 17\n  duet kept restore 17 --share images --to /tmp/logo.png",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.restore(cmd.Context(), share, args[0], to)
		},
	}
	cmd.Flags().StringVar(&share, "share", "", "the share of this `name`; needed if there are several")
	cmd.Flags().StringVar(&to, "to", "", "write it to this `file` instead")
	return cmd
}

func (a *app) restore(ctx context.Context, share, id, to string) error {
	if _, err := keptID(id); err != nil {
		return err
	}
	cfg, err := a.load()
	if err != nil {
		return err
	}
	if share, err = only(cfg, share); err != nil {
		return err
	}
	if to != "" {
		if to, err = filepath.Abs(to); err != nil {
			return err
		}
	}
	client, err := node.Dial(cfg.State)
	if err != nil {
		return err
	}
	if err := client.Order(ctx, node.Restore, share, url.Values{"kept": {id}, "to": {to}}); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]string{"share": share, "restored": id, "to": to})
	}
	if to == "" {
		to = "its place"
	}
	a.printf("kept version %s restored to %s\n", id, to)
	return nil
}
