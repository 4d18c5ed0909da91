package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"duet/cmd/duet/config"
	"duet/cmd/duet/exit"
	"duet/cmd/duet/inspect"
	"duet/cmd/duet/node"
	"duet/store"
)

// ask has a query answered: by the daemon if one runs, else from the index
// file itself. The caller closes the answer.
func ask(ctx context.Context, cfg *config.Config, q inspect.Query) (io.ReadCloser, error) {
	q.Self, q.Peer = cfg.Node, cfg.Peer.Name
	client, err := node.Dial(cfg.State)
	if err == nil {
		return client.Query(ctx, q)
	}
	if !errors.Is(err, node.ErrNotRunning) {
		return nil, err
	}
	s, err := openIndex(cfg, q.Share)
	if err != nil {
		return nil, err
	}
	r, w := io.Pipe()
	go func() {
		err := s.View(func(tx *store.Tx) error { return inspect.Run(tx, q, s.Path(), w) })
		w.CloseWithError(errors.Join(err, s.Close()))
	}()
	return r, nil
}

// openIndex opens a share's index for reading: no daemon has it open.
func openIndex(cfg *config.Config, share string) (*store.Store, error) {
	file := cfg.Index(share)
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("share %q has no index yet (%s): the first 'duet run' makes it", share, file)
	}
	return store.Open(file, store.Options{ReadOnly: true, Share: share})
}

// inspection is what the commands that print answers have in common.
type inspection struct {
	share string // --share
	style inspect.Style
	q     inspect.Query
}

func (in *inspection) flags(a *app, cmd *cobra.Command) {
	a.shareFlag(cmd, &in.share, "only the share of this `name`")
}

// print answers q for each share that it is about: one, if arg names a path of
// one, or all.
func (a *app) print(ctx context.Context, in *inspection, arg string) (*inspect.Printer, error) {
	cfg, err := a.load()
	if err != nil {
		return nil, err
	}
	share := in.share
	if arg != "" {
		if share, in.q.Pattern, err = locate(cfg, share, arg); err != nil {
			return nil, err
		}
	}
	list, err := shares(cfg, share)
	if err != nil {
		return nil, err
	}
	if in.q.Exact && in.q.Pattern == "" {
		return nil, exit.Errorf(exit.Usage, "%q is the root of a share, which has no record: name something inside it", arg)
	}
	if in.q.Exact && len(list) > 1 {
		return nil, exit.Errorf(exit.Usage, "which share's %s? Write SHARE:%s, or name one with --share: %s", arg, arg, names(list))
	}
	in.style.JSON, in.style.Share = a.json, len(list) > 1
	p := inspect.NewPrinter(a.out, in.q.Kind, in.style)
	var errs []error
	for _, s := range list {
		in.q.Share = s.Name
		errs = append(errs, printOne(ctx, cfg, in.q, p))
	}
	if err := p.Close(); err != nil {
		return nil, err
	}
	return p, gravest(errs)
}

// ifNone says, for people, that an answer is empty. Scripts find nothing of it among
// the rows.
func (a *app) ifNone(p *inspect.Printer, err error, text string) {
	if err == nil && p.Rows == 0 && !a.json {
		fmt.Fprintln(a.err, text)
	}
}

// at says, where nothing was found, where that was; a share's name was perhaps
// meant for one.
func (a *app) at(arg string) string {
	if arg == "" {
		return ""
	}
	if cfg, err := a.load(); err == nil && cfg.Share(arg) != nil {
		return fmt.Sprintf(" at the path %s; those of the share: --share %s", arg, arg)
	}
	return " at " + arg
}

func printOne(ctx context.Context, cfg *config.Config, q inspect.Query, p *inspect.Printer) error {
	answer, err := ask(ctx, cfg, q)
	if err != nil {
		return err
	}
	return errors.Join(p.Print(answer), answer.Close())
}
