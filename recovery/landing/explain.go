package landing

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// ErrLive means that a directory cannot go, because there is something in it
// that is to stay, or that the index does not know.
var ErrLive = errors.New("the directory has contents that stay")

// Explained looks whether everything on disk below dir may go: the index knows
// it as it is, and says that it is doomed. What the index knows and the disk
// does not have is no obstacle. at is where files has that directory: dir
// itself, or Root if files is the directory, held. The error wraps ErrLive, or
// vfs.ErrBusy; vfs.ErrChanged and ErrLive for what was edited meanwhile.
func (e Env) Explained(ctx context.Context, st *store.Store, files vfs.Files, at, dir index.Path) error {
	names, err := namesIn(files, at)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		here, err := at.Join(name)
		if err != nil {
			return err
		}
		p, err := dir.Join(name)
		if err != nil {
			return err
		}
		info, err := files.Lstat(here)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = e.explainedOne(st, files, info, here, p)
		}
		if err == nil && info.Type == vfs.Directory {
			err = e.Explained(ctx, st, files, here, p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (e Env) explainedOne(st *store.Store, files vfs.Files, info vfs.Info, here, p index.Path) error {
	r, err := get(st, p)
	switch {
	case err != nil:
		return err
	case r == nil || !r.Ours.Live() || info.Mount:
		return fmt.Errorf("%v: %w", p, ErrLive)
	case r.Stamp != info.Stamp:
		return fmt.Errorf("%v %w: %w", p, vfs.ErrChanged, ErrLive)
	case e.doomed(r) == nil:
		return fmt.Errorf("%v: %w", p, ErrLive)
	case info.Type != vfs.Regular:
		return nil
	}
	c, err := files.Open(here)
	if errors.Is(err, fs.ErrPermission) {
		return nil // unreadable to us: its stamp has to do
	}
	if err != nil {
		return err
	}
	writers, known := c.Writers()
	if err := c.Close(); err != nil {
		return err
	}
	if known && writers {
		return fmt.Errorf("%v: %w", p, vfs.ErrBusy)
	}
	return nil
}

// namesIn lists a directory; one that is not there has no names.
func namesIn(files vfs.Files, dir index.Path) ([]string, error) {
	d, err := files.OpenDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names, err := d.Names()
	return names, errors.Join(err, d.Close())
}

// get reads one record, in a transaction that is over before the disk is
// looked at again.
func get(st *store.Store, p index.Path) (r *index.Record, err error) {
	err = st.View(func(tx *store.Tx) (err error) {
		r, err = tx.Get(p)
		return err
	})
	return r, err
}
