package main

import (
	"context"
	"net/url"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"duet/cmd/duet/exit"
	"duet/cmd/duet/node"
	"duet/replicate/report"
	"duet/replicate/restore"
)

// restoring is the flags of kept restore.
type restoring struct {
	window
	share, to  string
	force, dry bool
}

func (a *app) keptRestoreCmd() *cobra.Command {
	var r restoring
	cmd := &cobra.Command{
		Use:   "restore [ID]",
		Short: "Bring kept versions back",
		Long: `Bring a kept version back to its place, from where it is synced like any edit, or with
--to to a file outside the share. What is in its place becomes a kept version itself.

Without an ID, bring back everything that the flags select: of each path the newest
version, directories first, with modes, times and owners. That undoes a mistaken rm -rf
on the other host: run it on the host that kept the files. Where something is now, that
stays, unless --force is given; then it is kept in turn. Exit status 1 if something was
left out. The daemon must be running.`,
		Example: `  duet kept restore 17
  duet kept restore 17 --share images --to /tmp/logo.png
  duet kept restore --since 2h --reason deleted --by tgt-b --dry-run
  duet kept restore --since 2h --reason deleted --by tgt-b --path 'images:2026/**'`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeKept,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return a.restoreOne(cmd.Context(), args[0], r)
			}
			return a.restoreWindow(cmd.Context(), r)
		},
	}
	r.flags(a, cmd)
	f := cmd.Flags()
	a.shareFlag(cmd, &r.share, "the share of this `name`")
	f.StringVar(&r.to, "to", "", "with an ID: write it to this `file` instead")
	f.BoolVar(&r.force, "force", false, "without an ID: also where something is now, which is kept in turn")
	f.BoolVar(&r.dry, "dry-run", false, "without an ID: only say what would be done")
	return cmd
}

func (a *app) restoreOne(ctx context.Context, id string, r restoring) error {
	if _, err := keptID(id); err != nil {
		return err
	}
	if r.given() || r.force || r.dry {
		return exit.Errorf(exit.Usage, "an ID names one kept version: of the flags only --share and --to go with it")
	}
	cfg, err := a.load()
	if err != nil {
		return err
	}
	share, err := only(cfg, r.share)
	if err != nil {
		return err
	}
	to := r.to
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

func (a *app) restoreWindow(ctx context.Context, r restoring) error {
	switch {
	case !r.given():
		return exit.Errorf(exit.Usage, "restore what? Name the ID of a kept version, as 'duet kept ls' shows it, or select with --since, --until, --reason, --by or --path")
	case r.to != "":
		return exit.Errorf(exit.Usage, "--to is for one kept version: name its ID")
	}
	cfg, err := a.load()
	if err != nil {
		return err
	}
	win, share, err := r.read(cfg, r.share, time.Now())
	if err != nil {
		return err
	}
	return eachShare(cfg, share, func(c *node.Client, share string) error {
		out, err := c.RestoreWindow(ctx, node.RestoreRequest{Share: share, Window: win, Force: r.force, DryRun: r.dry})
		if err != nil {
			return err
		}
		return a.printRestored(out)
	})
}

func (a *app) printRestored(r *restore.Result) error {
	if a.json {
		if err := a.printJSON(r); err != nil {
			return err
		}
	} else {
		a.restoredText(r)
	}
	if r.Skipped+r.Failed > 0 {
		return exit.Silent(exit.Partial)
	}
	return nil
}

func (a *app) restoredText(r *restore.Result) {
	done := map[string]string{restore.DidRestore: "restored"}
	if r.DryRun {
		done[restore.DidRestore] = "to be restored"
	}
	for _, it := range r.Items {
		word, ok := done[it.Did]
		if !ok {
			word = it.Did
		}
		a.printf("%-14s  %s, %s of %s, kept version %d", word, it.Path, it.Kind, timeText(time.Unix(0, it.Time)), it.ID)
		if it.Detail != "" {
			a.printf(": %s", it.Detail)
		}
		a.printf("\n")
	}
	if r.More > 0 {
		a.printf("and %s that are not listed\n", report.Count(r.More, "path"))
	}
	if len(r.Items) == 0 {
		a.printf("%s: no kept version is selected: see 'duet kept ls'; the other host may have them\n", r.Share)
		return
	}
	word := done[restore.DidRestore]
	a.printf("%s: %s, %s, %s (%s) %s", r.Share, report.Count(r.Files, "file"), report.Count(r.Dirs, "directory"), report.Count(r.Links, "symlink"), sizeText(r.Bytes), word)
	for _, rest := range []struct {
		n    int64
		what string
	}{{r.Already, "there already"}, {r.Skipped, "skipped"}, {r.Failed, "failed"}} {
		if rest.n > 0 {
			a.printf(", %d %s", rest.n, rest.what)
		}
	}
	a.printf("\n")
}
