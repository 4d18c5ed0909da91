package main

import (
	"time"

	"github.com/spf13/cobra"

	"duet/cmd/duet/inspect"
)

func (a *app) keptLsCmd() *cobra.Command {
	in := &inspection{q: inspect.Query{Kind: inspect.KeptLs}}
	var w window
	cmd := &cobra.Command{
		Use:               "ls [GLOB|DIR]",
		Short:             "List kept versions",
		Long:              "List kept versions: id, when it was displaced, path, size, why and by whom. The flags\nselect as those of 'duet kept restore' do.",
		Example:           "  duet kept ls\n  duet kept ls '*.html' --json\n  duet kept ls --since 2h --reason deleted",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completePaths("kept"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.load()
			if err != nil {
				return err
			}
			if in.q.Window, in.share, err = w.read(cfg, in.share, time.Now()); err != nil {
				return err
			}
			sum, err := a.print(cmd.Context(), in, first(args))
			a.ifNone(sum, err, "no kept versions on this node"+a.at(first(args)))
			return err
		},
	}
	in.flags(a, cmd)
	w.flags(a, cmd)
	return cmd
}
