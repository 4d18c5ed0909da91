package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"duet/cmd/duet/config"
	"duet/cmd/duet/exit"
	"duet/cmd/duet/node"
	"duet/replicate/report"
	"duet/store"
)

// repairing is the flags of index repair.
type repairing struct {
	share    string
	yes, dry bool
}

func (a *app) indexRepairCmd() *cobra.Command {
	var r repairing
	cmd := &cobra.Command{
		Use:   "repair",
		Short: "Make a broken index anew from what can be read of it",
		Long: `Make a broken index anew from what can be read of it. It says first what is wrong, what
can be kept, and what that means for deletes; then it asks, or needs --yes where nobody
can be asked. The broken file is kept beside the new one.

If only lists and counts are wrong, they are made anew, and nothing is forgotten. If
something was lost, deletes are forgotten: at the next connection the two sides become a
union, so what the other side deleted meanwhile, or was deleted here and not yet there,
comes back; nothing is deleted or overwritten unseen. Every file is read again.

The daemon must not run. Exit status 7 if the index is broken and was left as it is.`,
		Example: "  systemctl stop duet\n  duet index repair --share images --dry-run\n  duet index repair --share images --yes",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.load()
			if err != nil {
				return err
			}
			share, err := only(cfg, r.share)
			if err != nil {
				return err
			}
			return a.repair(cfg, share, r)
		},
	}
	f := cmd.Flags()
	a.shareFlag(cmd, &r.share, "the share of this `name`")
	f.BoolVar(&r.yes, "yes", false, "do it without asking")
	f.BoolVar(&r.dry, "dry-run", false, "only say what is wrong and what would be done")
	return cmd
}

// repaired is what index repair prints.
type repaired struct {
	Share   string   `json:"share"`
	File    string   `json:"file"`
	Sound   bool     `json:"sound"`   // there was nothing to repair
	Whole   bool     `json:"whole"`   // nothing was lost: deletes are remembered
	Empty   bool     `json:"empty"`   // nothing could be read: the index is a new one
	Wrong   []string `json:"wrong"`   // the first few
	Lost    int      `json:"lost"`    // pages and values
	Records int64    `json:"records"` // that the new one has
	Deletes int64    `json:"tombstones"`
	Events  int64    `json:"events"`
	Kept    int64    `json:"kept"`
	Done    bool     `json:"done"`
	Aside   string   `json:"aside,omitempty"` // where the broken one is
}

func (a *app) repair(cfg *config.Config, share string, o repairing) (err error) {
	if _, err := node.Dial(cfg.State); err == nil {
		return exit.Errorf(exit.Partial, "the daemon runs and has the index of %s open: stop it, such as with 'systemctl stop duet', and repair then", share)
	} else if !errors.Is(err, node.ErrNotRunning) {
		return err
	}
	file := cfg.Index(share)
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("share %q has no index (%s): the next 'duet run' makes it", share, file)
	}
	r, err := store.PrepareRepair(file, store.Options{Share: share})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Discard()) }()
	out := repaired{
		Share: share, File: file, Sound: r.Sound, Whole: r.Whole, Empty: r.Empty, Wrong: append([]string{}, r.Wrong...),
		Lost: r.Lost, Records: r.Records, Deletes: r.Deletes, Events: r.Events, Kept: r.Kept,
	}
	if !a.json {
		a.printf("%s", out.text())
	}
	if !r.Sound && !o.dry && (o.yes || a.agreed()) {
		if out.Aside, err = r.Install(); err != nil {
			return err
		}
		out.Done = true
	}
	switch {
	case a.json:
		err = a.printJSON(out)
	case out.Done:
		a.printf("repaired; the broken index is %s. Start the daemon: duet run\n", out.Aside)
	}
	if err != nil || r.Sound || out.Done {
		return err
	}
	if o.dry {
		return exit.Silent(exit.Halted)
	}
	return exit.Errorf(exit.Halted, "the index of %s was left as it is: repair it with --yes", share)
}

// agreed asks, if there is somebody to ask.
func (a *app) agreed() bool {
	if a.json || !terminal(a.in) || !terminal(a.out) {
		return false
	}
	a.printf("put the repaired index in its place? [y/N] ")
	line, err := bufio.NewReader(a.in).ReadString('\n')
	return err == nil && (strings.TrimSpace(line) == "y" || strings.TrimSpace(line) == "yes")
}

// text says what is wrong, what can be kept, and what that means.
func (r repaired) text() string {
	if r.Sound {
		return fmt.Sprintf("%s: sound, there is nothing to repair\n", r.Share)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s is broken\n", r.Share, r.File)
	for i, w := range r.Wrong {
		if i == 5 {
			fmt.Fprintf(&b, "  and more: duet index check --share %s\n", r.Share)
			break
		}
		fmt.Fprintf(&b, "  %s\n", w)
	}
	switch {
	case r.Whole:
		fmt.Fprintf(&b, "Only lists and counts are wrong. They are made anew; %s, %s,\n%s and %s stay as they are.\n",
			report.Count(r.Records, "path"), report.Count(r.Deletes, "remembered delete"), report.Count(r.Events, "event"), report.Count(r.Kept, "kept version"))
		return b.String()
	case r.Empty:
		b.WriteString("Nothing that makes sense could be read: the index will be a new one. What is in the\nholding area is found again, as kept versions, without the times at which it was displaced.\n")
	default:
		fmt.Fprintf(&b, "%d pages or values are lost; %d paths, %d events and %d kept versions can be kept.\n", r.Lost, r.Records, r.Events, r.Kept)
	}
	b.WriteString("What this means for deletes: they are forgotten. At the next connection the two sides\n" +
		"become a union: what the other side deleted since, and what was deleted here and had not\n" +
		"been deleted there yet, comes back. Equal files agree, different ones are conflicts whose\n" +
		"loser is kept; nothing is deleted or overwritten unseen. Every file is read again.\n")
	return b.String()
}
