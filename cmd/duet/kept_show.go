package main

import (
	"strconv"

	"github.com/spf13/cobra"

	"duet/cmd/duet/exit"
	"duet/cmd/duet/inspect"
)

func (a *app) keptShowCmd() *cobra.Command {
	in := &inspection{q: inspect.Query{Kind: inspect.KeptShow}}
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show all that is known of one kept version",
		Long: `Show all that is known of one kept version: what it was, when, why and by whom it was
displaced, what is in its place now, and which other versions of the path are kept.`,
		Example:           "  duet kept show 17\n  duet kept show 17 --share images --json",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeKept,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if in.q.ID, err = keptID(args[0]); err != nil {
				return err
			}
			cfg, err := a.load()
			if err != nil {
				return err
			}
			if in.share, err = only(cfg, in.share); err != nil {
				return err
			}
			_, err = a.print(cmd.Context(), in, "")
			return err
		},
	}
	in.flags(a, cmd)
	return cmd
}

func keptID(text string) (uint64, error) {
	id, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, exit.Errorf(exit.Usage, "%q is not the id of a kept version: see 'duet kept ls'", text)
	}
	return id, nil
}
