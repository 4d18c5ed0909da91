package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"duet/store/index"
)

// syncs is how many directories are synced at once: the journal of a
// filesystem commits that many for little more than the price of one.
const syncs = 16

// SyncDirs puts the names in these directories, and in the holding area's
// folders, on stable storage. A directory that is gone has none.
func (t *Tree) SyncDirs(dirs []index.Path) error {
	if err := t.enter(); err != nil {
		return err
	}
	defer t.leave()
	dirs = slices.Compact(slices.Sorted(slices.Values(dirs)))
	errs := make([]error, len(dirs)+2)
	var g errgroup.Group
	g.SetLimit(syncs)
	for i, dir := range dirs {
		g.Go(func() error { errs[i] = t.syncDir(dir); return nil })
	}
	for i, fd := range []int{t.stage, t.kept} {
		g.Go(func() error {
			if err := t.flush(fd); err != nil {
				errs[len(dirs)+i] = fmt.Errorf("sync the holding area: %w", err)
			}
			return nil
		})
	}
	_ = g.Wait() // errs has every error, not only the first
	return errors.Join(errs...)
}

func (t *Tree) syncDir(dir index.Path) error {
	s := spot{dir: t.root, leaf: "."}
	var err error
	if dir != index.Root {
		if s, err = t.spot(dir); err == nil {
			defer s.close()
		}
	}
	if err == nil {
		err = t.syncAt(s)
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("sync directory %v: %w", dir, err)
}

func (t *Tree) syncAt(s spot) error {
	fd, err := t.openLeaf(s, unix.O_RDONLY|unix.O_DIRECTORY)
	switch err {
	case nil:
	case unix.ENOTDIR, unix.ELOOP:
		return nil // the directory is gone, and something else has its name
	case unix.EACCES:
		// A directory that may be written but not read cannot be opened. The
		// filesystem can be synced as a whole.
		return again(func() error { return unix.Syncfs(t.stage) })
	default:
		return t.cause(s, err)
	}
	return errors.Join(t.flush(fd), unix.Close(fd))
}

// flush is fsync of a directory, or of its whole filesystem if that does not
// sync directories alone.
func (t *Tree) flush(fd int) error {
	err := again(func() error { return unix.Fsync(fd) })
	if err == unix.EINVAL || err == unix.EOPNOTSUPP {
		err = again(func() error { return unix.Syncfs(t.stage) })
	}
	return err
}
