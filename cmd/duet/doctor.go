package main

import (
	"context"

	"github.com/spf13/cobra"

	"duet/cmd/duet/doctor"
	"duet/cmd/duet/exit"
)

func (a *app) doctorCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor [SHARE]",
		Short: "Check what Duet stands on: config, keys, limits, disks, daemon, peer",
		Long: `Check what Duet stands on: the config, the keys, the state directory, the shares'
directories and their disks, the kernel's limits, the daemon, the way to the peer, and
the clocks. Each line says what was seen; below a line that is not ok it says what to do.
Nothing is changed.

Exit status: 0 all is well, or only warnings; 1 something does not work; 2 the config
cannot be used.`,
		Example:           "  duet doctor\n  duet doctor www --json | jq -c 'select(.level != \"ok\")'",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeShare,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.doctor(cmd.Context(), first(args)) },
	}
}

func (a *app) doctor(ctx context.Context, share string) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	if _, err := shares(cfg, share); err != nil {
		return err
	}
	found := doctor.Examine(ctx, cfg, share)
	for _, f := range found {
		if a.json {
			if err := a.printJSON(f); err != nil {
				return err
			}
			continue
		}
		what := f.Check
		if f.Share != "" {
			what = f.Share + ": " + f.Check
		}
		a.printf("%-4s  %-16s  %s\n", f.Level, what, f.Says)
		if f.Do != "" {
			a.printf("      %-16s  to do: %s\n", "", f.Do)
		}
	}
	if found.Worst() == doctor.Bad {
		return exit.Silent(exit.Partial)
	}
	return nil
}
