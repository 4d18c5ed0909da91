package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"duet/cmd/duet/exit"
	"duet/cmd/duet/inspect"
	"duet/cmd/duet/node"
	"duet/replicate/expiry"
)

// verifying is the flags of verify.
type verifying struct {
	content, repair bool
	bwlimit, path   string
}

func (a *app) verifyCmd() *cobra.Command {
	var v verifying
	cmd := &cobra.Command{
		Use:   "verify [SHARE]",
		Short: "Check that disk, index and peer are the same",
		Long: `Check that disk, index and peer are the same. Every path is looked at; with --content
every file is read again on both hosts, at a bounded rate, and its hash compared. Then
the two indexes are compared. What can be found:

  missed      it changed, and the kernel did not report it; it is synced like any edit
  corrupt     its content changed, though nothing else did: nobody edited it, the disk did
  unreadable  the disk does not give it back
  failed      it could not be looked at
  drift       both nodes take for agreement what is not the same

Damage is told, and never taken for an edit: it does not reach the other host. With
--repair each host replaces its damaged files by what they were, from another file with
that content, a kept version, or the other host; the damaged bytes are kept as 'corrupt'
(duet kept ls). Paths that drifted are decided anew. Files that are in use are left out.

The rate is that of 'verify_rate' in the config, on the other host its own; --bwlimit
changes it here. Interrupting is safe. 'verify_every: 30d' in the config does the same
from time to time, without repairing. The daemon must be running.

Exit status: 0 all is well, or was repaired; 1 something is not; 4 all is well here, but
the peer is not connected.`,
		Example: `  duet verify
  duet verify images --content --bwlimit 100MB
  duet verify images --content --repair`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeShare,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.verify(cmd.Context(), first(args), v)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&v.content, "content", false, "read every file, on both hosts")
	f.BoolVar(&v.repair, "repair", false, "replace what is damaged by what it was")
	f.StringVar(&v.bwlimit, "bwlimit", "", "read at most this `size` a second, such as 100MB; off: as fast as it goes")
	f.StringVar(&v.path, "path", "", "only this file or `directory`")
	a.completePathFlag(cmd, "")
	return cmd
}

// rate reads --bwlimit.
func (v verifying) rate() (int64, error) {
	if v.bwlimit == "" {
		return 0, nil
	}
	if v.bwlimit == "off" || v.bwlimit == "0" {
		return -1, nil
	}
	amount, err := expiry.ParseAmount(v.bwlimit)
	if err != nil || amount.Bytes <= 0 {
		return 0, exit.Errorf(exit.Usage, "--bwlimit %q: want a size such as 500kB or 100MB, or off", v.bwlimit)
	}
	return amount.Bytes, nil
}

func (a *app) verify(ctx context.Context, share string, v verifying) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	q := node.VerifyRequest{Content: v.content, Repair: v.repair}
	if q.Rate, err = v.rate(); err != nil {
		return err
	}
	if v.path != "" {
		if share, q.Under, err = locate(cfg, share, v.path); err != nil {
			return err
		}
	}
	list, err := shares(cfg, share)
	if err != nil {
		return err
	}
	if q.Under != "" && len(list) > 1 {
		return exit.Errorf(exit.Usage, "which share's %s? Name one of %s", q.Under, names(list))
	}
	client, err := node.Dial(cfg.State)
	if err != nil {
		return err
	}
	ctx, stop := stopping(ctx, func(os.Signal) {})
	defer stop()
	errs := make([]error, 0, len(list))
	for _, s := range list {
		q.Share = s.Name
		err := a.verifyOne(ctx, client, q, inspect.Style{JSON: a.json, Share: len(list) > 1})
		if ctx.Err() != nil {
			return exit.Errorf(exit.Partial, "interrupted: what was found so far is above")
		}
		errs = append(errs, err)
	}
	return gravest(errs)
}

func (a *app) verifyOne(ctx context.Context, client *node.Client, q node.VerifyRequest, style inspect.Style) error {
	line := newProgressLine(a.err)
	defer line.end()
	sum, err := client.Verify(ctx, q, func(row []byte) error {
		if style.JSON {
			_, err := a.out.Write(row)
			return err
		}
		return a.verifyRow(row, style, line)
	})
	line.end()
	if err != nil {
		return err
	}
	if !style.JSON {
		a.printf("%s", sum.Text())
	}
	switch {
	case sum.Bad() > 0:
		return exit.Silent(exit.Partial)
	case sum.Apart:
		return exit.Silent(exit.Unreachable)
	case sum.PeerError != "" || sum.CompareError != "":
		return exit.Silent(exit.Partial)
	}
	return nil
}

// verifyRow prints one row for a person.
func (a *app) verifyRow(row []byte, style inspect.Style, line *progressLine) error {
	var r struct {
		Letter   string
		What     json.RawMessage // a word, or of a difference a list
		Progress *struct{}
	}
	if err := json.Unmarshal(row, &r); err != nil {
		return fmt.Errorf("read the daemon's answer: %w", err)
	}
	var err error
	switch {
	case r.Progress != nil:
		var p inspect.Verifying
		if err = json.Unmarshal(row, &p); err == nil {
			line.write(verifyingText(p.Share+": "+p.Node, &p.Progress))
		}
		return err
	case r.Letter != "":
		var d inspect.Differing
		err = json.Unmarshal(row, &d)
		line.end()
		a.printf("%-10s %s", "drift", d.Text(style))
	case len(r.What) > 0:
		var f inspect.Found
		err = json.Unmarshal(row, &f)
		line.end()
		a.printf("%s", f.Text(style))
	}
	return errors.Join(err)
}
