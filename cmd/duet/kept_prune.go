package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"duet/cmd/duet/exit"
	"duet/cmd/duet/node"
	"duet/replicate/expiry"
	"duet/replicate/report"
)

// pruning is the flags of kept prune.
type pruning struct {
	window
	older, versions, size string
	dry                   bool
}

func (a *app) keptPruneCmd() *cobra.Command {
	var p pruning
	cmd := &cobra.Command{
		Use:   "prune [SHARE]",
		Short: "Remove kept versions for good",
		Long: `Remove kept versions for good: now, and not in the course of time, what the share's
'keep' and 'min_free' let go; or, with one of --older-than, --versions and --size, what
those say instead. The other flags narrow that down. There is no way back; --dry-run
only says what would go. The daemon must be running.`,
		Example: `  duet kept prune --dry-run
  duet kept prune images --older-than 7d
  duet kept prune images --older-than 0s --path '/cache/**'`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeShare,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.prune(cmd.Context(), first(args), p)
		},
	}
	p.flags(a, cmd)
	f := cmd.Flags()
	f.StringVar(&p.older, "older-than", "", "what was displaced longer than this `time` ago, such as 7d or 12h")
	f.StringVar(&p.versions, "versions", "", "all but this `number` of versions of each path")
	f.StringVar(&p.size, "size", "", "the oldest, until all together has this `size`, such as 20GB or 5%")
	f.BoolVar(&p.dry, "dry-run", false, "only say what would go")
	return cmd
}

func (a *app) prune(ctx context.Context, share string, p pruning) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	win, share, err := p.read(cfg, share, time.Now())
	if err != nil {
		return err
	}
	if p.size != "" && p.given() {
		return exit.Errorf(exit.Usage, "--size is of all kept versions together: leave out --since, --until, --reason, --by and --path")
	}
	return eachShare(cfg, share, func(c *node.Client, share string) error {
		out, err := c.Prune(ctx, node.PruneRequest{
			Share: share, Window: win, Narrow: p.given(), OlderThan: p.older, Versions: p.versions, Size: p.size, DryRun: p.dry,
		})
		if err != nil {
			return err
		}
		return a.printPruned(out)
	})
}

func (a *app) printPruned(p *expiry.Pruned) error {
	if a.json {
		if err := a.printJSON(p); err != nil {
			return err
		}
	} else {
		for _, it := range p.Items {
			a.printf("%5d  %s  %s  %s, %s: %s\n", it.ID, timeText(time.Unix(0, it.Time)), it.Path, sizeText(it.Bytes), it.Reason, it.Why)
		}
		done := "pruned"
		if p.DryRun {
			done = "would be pruned"
		}
		more := ""
		if p.More > 0 {
			more = ", and more that are not listed"
		}
		a.printf("%s: %s, %s, %s%s\n", p.Share, report.Count(p.Versions, "kept version"), sizeText(p.Bytes), done, more)
		if p.Short != "" {
			a.printf("%s: %s\n", p.Share, p.Short)
		}
	}
	if len(p.Problems) > 0 {
		var errs []error
		for _, text := range p.Problems {
			errs = append(errs, errors.New(text))
		}
		return exit.With(exit.Partial, errors.Join(errs...))
	}
	return nil
}
