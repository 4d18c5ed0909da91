package ruling

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"duet/replicate/install"
	"duet/replicate/transfer"
	"duet/scan"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// ErrLarge means that a content has more bytes than were asked for.
var ErrLarge = errors.New("is too large to be shown")

// Content reads the file that e is, or was, at p: where it is here, or from the
// peer; fetch is nil if that cannot be asked.
func (d *Desk) Content(ctx context.Context, fetch *transfer.Fetcher, p index.Path, e *index.Entry, limit int64) ([]byte, error) {
	if e.Size > limit {
		return nil, fmt.Errorf("%v %w: %d bytes", p, ErrLarge, e.Size)
	}
	var from install.Source
	var rec *index.Record
	err := d.Book.Store.View(func(tx *store.Tx) (err error) {
		if rec, err = tx.Get(p); err != nil || rec != nil && index.SameContent(rec.Ours, e) {
			from.Path = p
			return err
		}
		k, err := d.clerk(tx)
		if err == nil {
			from, err = k.local(p, e)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if !from.IsZero() {
		if b, err := d.read(from, e); err == nil {
			return b, nil
		}
	}
	if fetch == nil {
		return nil, d.away()
	}
	return d.fetch(ctx, fetch, p, e)
}

// read reads a content that is here; it has to be what e says.
func (d *Desk) read(from install.Source, e *index.Entry) (b []byte, err error) {
	var c vfs.Content
	if from.Held.Name != "" {
		c, err = d.Files.OpenHeld(from.Held)
	} else {
		c, err = d.Files.Open(from.Path)
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	b = make([]byte, e.Size)
	if _, err := io.ReadFull(c, b); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if scan.SumBytes(b) != e.Hash {
		return nil, install.ErrContent
	}
	return b, nil
}

// fetch asks the peer for a content.
func (d *Desk) fetch(ctx context.Context, fetch *transfer.Fetcher, p index.Path, e *index.Entry) (b []byte, err error) {
	h := d.Stage()
	want := transfer.Want{Path: p, Hash: e.Hash, Size: e.Size, Meta: vfs.Meta{Mode: 0o600, UID: -1, GID: -1}, Staged: h.Name}
	var answer error
	if err := fetch.Fetch(ctx, []transfer.Want{want}, func(r transfer.Result) { answer = r.Err }); err != nil {
		return nil, err
	}
	if answer != nil {
		return nil, fmt.Errorf("ask %s for %v: %w", d.Peer, p, answer)
	}
	b, err = d.read(install.Source{Held: h}, e)
	if gone := d.Files.RemoveHeld(h); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return b, err
}
