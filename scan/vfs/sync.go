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

// fsync is unix.Fsync, unless a test wants to know what is synced.
var fsync = unix.Fsync

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
	fd, err := t.openToSync(dir)
	switch {
	case err == nil:
		err = errors.Join(t.flush(fd), unix.Close(fd))
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
		return nil // the directory is gone; something else may have its name
	case errors.Is(err, unix.EACCES):
		// A directory that may be written but not read cannot be opened. The
		// filesystem can be synced as a whole.
		err = again(func() error { return unix.Syncfs(t.stage) })
	}
	if err != nil {
		return fmt.Errorf("sync directory %v: %w", dir, err)
	}
	return nil
}

func (t *Tree) openToSync(dir index.Path) (int, error) {
	if dir == index.Root {
		return openat(t.root, ".", unix.O_RDONLY|unix.O_DIRECTORY)
	}
	s, err := t.spot(dir)
	if err != nil {
		return -1, err
	}
	defer s.close()
	fd, err := t.openFolder(s)
	return fd, t.cause(s, err)
}

// flush is fsync of a directory, or of its whole filesystem if that does not
// sync directories alone.
func (t *Tree) flush(fd int) error {
	err := again(func() error { return fsync(fd) })
	if err == unix.EINVAL || err == unix.EOPNOTSUPP {
		err = again(func() error { return unix.Syncfs(t.stage) })
	}
	return err
}
