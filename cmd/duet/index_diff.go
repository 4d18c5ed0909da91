package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"duet/cmd/duet/config"
	"duet/cmd/duet/exit"
	"duet/cmd/duet/inspect"
	"duet/cmd/duet/node"
	"duet/store/index"
)

// differing is the flags of index diff.
type differing struct {
	share string
	all   bool
}

func (a *app) indexDiffCmd() *cobra.Command {
	var d differing
	cmd := &cobra.Command{
		Use:   "diff [DIR|PATH]",
		Short: "Compare with the peer's index, now",
		Long: `Compare the index with the peer's, now, and print each path that differs, after a letter:

  X  both have something, and not the same
  L  only this node has it, the peer never heard of it
  R  only the peer has it, this node never heard of it
  T  one has it, the other knows that it was deleted
  =  the same (only with --all)

and why that is: what is on its way, or waits for one of the nodes or for a person, is
told from drift, which is that both take it for agreement; that should never be. What one
of the nodes ignores is left out. Equal trees are found equal by a digest: that takes a
few seconds for a million files, and some hundred bytes.

The daemon must be running, and the peer connected. With --json one object a line, the
last one with "done". Exit status 0: the same; 1: something differs; 4: not connected.`,
		Example: `  duet index diff
  duet index diff images:2026
  duet index diff --share images --all --json | jq -r 'select(.letter == "X") | .path'`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completePaths(""),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.diff(cmd.Context(), first(args), d) },
	}
	a.shareFlag(cmd, &d.share, "only the share of this `name`")
	cmd.Flags().BoolVar(&d.all, "all", false, "also what is the same")
	return cmd
}

func (a *app) diff(ctx context.Context, arg string, d differing) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	share, under := d.share, ""
	if arg != "" {
		if share, under, err = locate(cfg, share, arg); err != nil {
			return err
		}
	}
	list, err := shares(cfg, share)
	if err != nil {
		return err
	}
	if under != "" && len(list) > 1 {
		return exit.Errorf(exit.Usage, "which share's %s? Write SHARE:%s, or name one with --share: %s", under, under, names(list))
	}
	client, err := node.Dial(cfg.State)
	if errors.Is(err, node.ErrNotRunning) {
		return exit.With(exit.Halted, fmt.Errorf("index diff asks the peer, over the connection of the daemon: %w", err))
	}
	if err != nil {
		return err
	}
	style := inspect.Style{JSON: a.json, Share: len(list) > 1}
	errs := make([]error, 0, len(list))
	for _, s := range list {
		errs = append(errs, a.diffOne(ctx, client, s, node.DiffRequest{Share: s.Name, Under: under, All: d.all}, style))
	}
	return gravest(errs)
}

// diffOne prints rows as they come: neither end of the socket holds more.
func (a *app) diffOne(ctx context.Context, client *node.Client, s config.Share, q node.DiffRequest, style inspect.Style) error {
	out := bufio.NewWriterSize(a.out, 64<<10)
	sum, err := client.Diff(ctx, q, func(line []byte) error {
		if terminal(a.out) {
			defer out.Flush() // somebody is waiting
		}
		if style.JSON {
			_, err := out.Write(line)
			return err
		}
		var row inspect.Differing
		if err := json.Unmarshal(line, &row); err != nil {
			return fmt.Errorf("read the daemon's answer: %w", err)
		}
		if row.Letter == "" {
			return nil // the last one
		}
		_, err := out.WriteString(row.Text(style))
		return err
	})
	if err = errors.Join(err, out.Flush()); err != nil {
		return err
	}
	switch {
	case style.JSON:
	case q.Under != "" && sum.Same+sum.Differ == 0:
		fmt.Fprintf(a.err, "%s: nothing is known at or below %s, here or on %s: 'duet index ls' shows what is there\n", s.Name, index.Quote(q.Under), sum.Peer)
	default:
		fmt.Fprint(a.err, sum.Text())
	}
	if sum.Differ > 0 {
		return exit.Silent(exit.Partial)
	}
	return nil
}
