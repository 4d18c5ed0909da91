package ruling

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sync/errgroup"

	"duet/replicate/book"
	"duet/replicate/install"
	"duet/replicate/transfer"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// Desk is where orders are carried out. Look, LookBack and Bring may run anywhere;
// the Carry of a Work belongs in the writer lane.
type Desk struct {
	Book  *book.Book
	Files vfs.Files
	Env   install.Env // without Recheck: the lane decides, at the last moment
	Self  string      // names of the nodes
	Peer  string
	Stage func() vfs.Held // a name in the stage that was not used before
}

// Bounds of what is staged and carried out together.
const (
	ChunkPaths = 200
	chunkBytes = 64 << 20
)

// Look makes errands of the next paths, as many as go together, and returns how
// many of the paths that were.
func (d *Desk) Look(o *Order, paths []index.Path) (errands []*Errand, n int, err error) {
	err = d.Book.Store.View(func(tx *store.Tx) error {
		k, err := d.clerk(tx)
		if err != nil {
			return err
		}
		var bytes int64
		for n = 0; n < len(paths) && len(errands) < ChunkPaths && bytes < chunkBytes; n++ {
			list, err := k.errands(o, paths[n])
			if err != nil {
				return err
			}
			for _, e := range list {
				bytes += e.Bytes()
			}
			errands = append(errands, list...)
		}
		return nil
	})
	return errands, n, err
}

// stageAtOnce is how many contents are copied and fsynced together.
const stageAtOnce = 16

// Bring stages the contents that errands need. What cannot be had is the
// errand's error. fetch may be nil if no content is at the peer only.
func (d *Desk) Bring(ctx context.Context, fetch *transfer.Fetcher, errands []*Errand) {
	var group errgroup.Group
	group.SetLimit(stageAtOnce)
	var wants []transfer.Want
	byPath := map[index.Path]*Errand{}
	for _, e := range errands {
		if e.skip != "" || !e.needs {
			continue
		}
		e.staged = d.Stage()
		m := d.Env.Meta(e.want, e.rec)
		if e.local.IsZero() {
			at := e.Path
			if e.from != index.Root {
				at = e.from
			}
			wants = append(wants, transfer.Want{Path: at, Hash: e.want.Hash, Size: e.want.Size, Meta: m, Staged: e.staged.Name})
			byPath[at] = e
			continue
		}
		group.Go(func() error {
			if _, err := install.Copy(d.Files, e.local, e.want, m, e.staged); err != nil {
				e.err = fmt.Errorf("copy the content that is kept here: %w", err)
			}
			return nil
		})
	}
	_ = group.Wait() // errors are the errands'
	if len(wants) == 0 {
		return
	}
	for _, e := range byPath {
		e.err = d.away()
	}
	if fetch == nil {
		return
	}
	err := fetch.Fetch(ctx, wants, func(r transfer.Result) {
		e := byPath[r.Want.Path]
		if e.err = nil; r.Err != nil {
			e.err = fmt.Errorf("ask %s for the content: %w", d.Peer, r.Err)
		}
	})
	if err != nil {
		for _, e := range byPath {
			if e.err != nil {
				e.err = fmt.Errorf("ask %s for the content: %w", d.Peer, err)
			}
		}
	}
}

// ErrAway means that only the peer has a content, and it cannot be asked.
var ErrAway = errors.New("is not connected")

func (d *Desk) away() error {
	return fmt.Errorf("only %s has the content, and it %w", d.Peer, ErrAway)
}

// Drop removes what was staged for errands that came to nothing.
func (d *Desk) Drop(errands []*Errand) error {
	var errs []error
	for _, e := range errands {
		if e.staged.Name == "" {
			continue
		}
		if err := d.Files.RemoveHeld(e.staged); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Foretell says what would become of an errand.
func (d *Desk) Foretell(e *Errand) Item {
	it := Item{Path: e.Path.String(), Held: e.Held, Did: DidReplace, Detail: e.skip}
	switch {
	case e.skip != "":
		it.Did = DidSkip
		return it
	case index.Same(e.rec.Ours, e.entry) || !e.rec.Ours.Live() && !e.entry.Live():
		it.Did = DidKeep
	case e.Needs():
		it.Detail = "the content comes from " + d.Peer
	}
	it.Took = d.Peer
	if e.Ours {
		it.Took = d.Self
	}
	return it
}
