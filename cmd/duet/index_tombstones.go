package main

import (
	"github.com/spf13/cobra"

	"duet/cmd/duet/inspect"
)

func (a *app) indexTombstonesCmd() *cobra.Command {
	in := &inspection{q: inspect.Query{Kind: inspect.Tombstones}}
	cmd := &cobra.Command{
		Use:               "tombstones [GLOB|DIR]",
		Short:             "List deletes that are remembered",
		Long:              "List the deletes that are still remembered. A tombstone is dropped when the peer has\nacknowledged it, never by age.",
		Example:           "  duet index tombstones\n  duet index tombstones --share images --json",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completePaths("all"),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := a.print(cmd.Context(), in, first(args))
			a.ifNone(p, err, "none: the other host has confirmed every delete; 'duet log' and 'duet index history PATH' tell of them")
			return err
		},
	}
	in.flags(a, cmd)
	return cmd
}
