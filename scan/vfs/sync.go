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

// syncs is how many things are synced at once: the journal of a filesystem
// commits that many for little more than the price of one.
const syncs = 16

// many is from how many things on SyncSeen syncs their whole filesystem. With
// new files of 4 KiB on ext4 the two cost the same at about 16 (BenchmarkSyncSeen:
// 64 take 17 to 26 ms apart and 8 to 15 together, 256 take 50 to 70 and 11 to
// 12). But syncfs also writes what everybody else has left on that filesystem,
// which may be gigabytes; so it has to be worth it.
var many = 64

// fsync and syncfs are the system calls, unless a test wants to know what is
// synced.
var fsync, syncfs = unix.Fsync, unix.Syncfs

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
		g.Go(func() error {
			if err := t.syncDir(dir); !absent(err) { // else something else may have its name
				errs[i] = err
			}
			return nil
		})
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

// SyncStaged puts staged files on stable storage: many with their whole
// filesystem, like SyncSeen.
func (t *Tree) SyncStaged(staged []Held) []error {
	errs := make([]error, len(staged))
	if err := t.enter(); err != nil {
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	defer t.leave()
	if len(staged) >= many && t.syncAll() == nil {
		return errs
	}
	var g errgroup.Group
	g.SetLimit(syncs)
	for i, h := range staged {
		g.Go(func() error { errs[i] = t.syncStaged(h); return nil })
	}
	_ = g.Wait() // errs has every error
	return errs
}

func (t *Tree) syncStaged(h Held) error {
	s, err := t.area(h)
	if err == nil {
		defer s.close()
		var fd int
		fd, err = openat(s.dir, s.leaf, unix.O_RDONLY|unix.O_NOFOLLOW)
		switch err {
		case nil:
			err = errors.Join(t.flush(fd), unix.Close(fd))
		case unix.EACCES:
			err = t.syncAll() // its mode shuts its owner out
		}
	}
	if err != nil {
		return fmt.Errorf("sync %v: %w", h, t.standing(s, err))
	}
	return nil
}

// syncDir syncs one directory. absent(err): it is not there.
func (t *Tree) syncDir(dir index.Path) error {
	fd, err := t.openToSync(dir)
	switch {
	case err == nil:
		err = errors.Join(t.flush(fd), unix.Close(fd))
	case errors.Is(err, unix.EACCES):
		// A directory that may be written but not read cannot be opened. The
		// filesystem can be synced as a whole.
		err = t.syncAll()
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

// flush is fsync of something open, or of its whole filesystem if that does not
// sync such things alone.
func (t *Tree) flush(fd int) error {
	err := again(func() error { return fsync(fd) })
	if err == unix.EINVAL || err == unix.EOPNOTSUPP {
		err = t.syncAll()
	}
	return err
}

// syncAll syncs the whole filesystem. It fails if anything could not be
// written since the last time, and does not say what.
func (t *Tree) syncAll() error { return again(func() error { return syncfs(t.stage) }) }

// absent reports whether err means that there is no such directory.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP)
}
