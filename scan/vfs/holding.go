package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"duet/store/index"
)

// probeName begins the names of the files that probeRenames makes. They are
// not listed, and those that a crash left are removed at the next Open.
const probeName = ".probe-"

// errUnfit means that a directory cannot be the holding area because files
// cannot be renamed from there into the root.
var errUnfit = errors.New("is not on the filesystem and mount of the root")

// openHolding finds or makes the holding area and opens its folders.
func (t *Tree) openHolding(configured string) error {
	// Where the root really is: a symlink to it may be on another filesystem.
	root, err := filepath.EvalSymlinks(t.path)
	if err != nil {
		return fmt.Errorf("find the root: %w", err)
	}
	if t.name == "" {
		t.name = filepath.Base(root)
	}
	if err := oneName(t.name); err != nil && root != "/" {
		return fmt.Errorf("share name: %w", err)
	}
	inside := filepath.Join(root, insideName)
	if configured != "" {
		return t.openConfigured(configured, root, inside)
	}
	if root != "/" {
		beside := filepath.Join(filepath.Dir(root), insideName+"-"+t.name)
		if done, err := t.openBeside(beside, inside); done || err != nil {
			return err
		}
	}
	t.inside = true
	return t.openArea(inside)
}

// openBeside opens the holding area beside the root. done is false if there
// can be none, or if an earlier run had to take the one inside.
func (t *Tree) openBeside(beside, inside string) (done bool, err error) {
	_, err = os.Lstat(beside)
	missing := errors.Is(err, fs.ErrNotExist)
	if missing {
		if _, err := os.Lstat(filepath.Join(inside, string(Kept))); err == nil {
			return false, nil
		}
	}
	err = t.openArea(beside)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, errUnfit):
		return false, nil
	case missing && !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EIO):
		return false, nil // it could not be made there
	}
	return false, err
}

func (t *Tree) openConfigured(configured, root, inside string) error {
	path, err := filepath.Abs(configured)
	if err != nil {
		return err
	}
	// Only the last component may be missing.
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("holding area %s: %w", index.Quote(path), err)
	}
	path = filepath.Join(dir, filepath.Base(path))
	if path != inside && within(path, root) {
		return fmt.Errorf("holding area %s is inside the root, where only %s may be", index.Quote(path), index.Quote(inside))
	}
	if within(root, path) && !within(root, filepath.Join(path, string(Stage))) && !within(root, filepath.Join(path, string(Kept))) {
		// What is held can itself be opened as a tree.
		return fmt.Errorf("holding area %s contains the root", index.Quote(path))
	}
	t.inside = path == inside
	err = t.openArea(path)
	if errors.Is(err, errUnfit) {
		err = fmt.Errorf("%w: choose another place, or leave the setting out", err)
	}
	return err
}

// within reports whether path is dir or below it.
func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// openArea opens the holding area at path, makes what is missing, and opens
// its two folders.
func (t *Tree) openArea(path string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("holding area %s: %w", index.Quote(path), err)
		}
	}()
	parent, err := openat(unix.AT_FDCWD, filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer unix.Close(parent)
	if err := t.fits(parent); err != nil {
		return err
	}
	area, made, err := t.privateDir(parent, filepath.Base(path))
	if err != nil {
		return err
	}
	defer unix.Close(area)
	err = t.openFolders(area)
	if err != nil {
		return err
	}
	t.holding = path
	if made {
		return syncMade(filepath.Dir(path), area)
	}
	return nil
}

func (t *Tree) openFolders(area int) error {
	if err := t.fits(area); err != nil {
		return err
	}
	if err := t.ours(area); err != nil {
		return err
	}
	for _, f := range []struct {
		area Area
		fd   *int
	}{{Stage, &t.stage}, {Kept, &t.kept}} {
		fd, _, err := t.privateDir(area, string(f.area))
		if err == nil {
			if err = t.fits(fd); err != nil {
				err = errors.Join(err, unix.Close(fd))
			}
		}
		if err != nil {
			return errors.Join(fmt.Errorf("%s: %w", f.area, err), t.dropFolders())
		}
		*f.fd = fd
	}
	return nil
}

func (t *Tree) dropFolders() (err error) {
	if t.stage >= 0 {
		err = unix.Close(t.stage)
		t.stage = -1
	}
	return err
}

// ours refuses a directory that has things in it and was not made by an
// earlier run, before anything in it is taken for leftovers.
func (t *Tree) ours(area int) error {
	names, err := namesIn(area, ".")
	if err != nil {
		return err
	}
	for _, name := range names {
		if name == string(Stage) || name == string(Kept) {
			return nil
		}
	}
	if len(names) > 0 {
		return errors.New("exists, is not empty, and was not made by Duet: name an empty or a new directory")
	}
	return nil
}

// privateDir opens the directory name in dir, made if it is missing, and makes
// sure that it is this user's alone.
func (t *Tree) privateDir(dir int, name string) (fd int, made bool, err error) {
	err = unix.Mkdirat(dir, name, 0o700)
	if err != nil && err != unix.EEXIST {
		return -1, false, err
	}
	made = err == nil
	fd, err = openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW)
	if err == unix.ENOTDIR || err == unix.ELOOP {
		return -1, false, errors.New("is a symlink or no directory: remove it, or name another holding area")
	}
	if err != nil {
		return -1, false, err
	}
	if err := t.private(fd, made); err != nil {
		return -1, false, errors.Join(err, unix.Close(fd))
	}
	return fd, made, nil
}

func (t *Tree) private(fd int, made bool) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if made {
		// What is made in it must not inherit access from the parent's default
		// ACL. Without one, or without ACLs at all, this fails and may.
		_ = unix.Fremovexattr(fd, "system.posix_acl_default")
	}
	if st.Mode&0o7777 == 0o700 {
		return nil
	}
	if !made && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("belongs to user %d and has mode %04o: only one of this user, or one with mode 0700, is used", st.Uid, st.Mode&0o7777)
	}
	if err := unix.Fchmod(fd, 0o700); err != nil && err != unix.EPERM && err != unix.EOPNOTSUPP {
		return fmt.Errorf("set mode 0700: %w", err)
	}
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	t.lacks.modes = t.lacks.modes || st.Mode&0o077 != 0
	return nil
}

// fits reports, as errUnfit, that files cannot be renamed from dir to the
// root. Nothing is made in the root to find out, for that would be seen.
func (t *Tree) fits(dir int) error {
	var st unix.Stat_t
	if err := unix.Fstat(dir, &st); err != nil {
		return err
	}
	if st.Dev != t.dev {
		return errUnfit
	}
	// Two mounts of one filesystem have the same device, but rename(2) says
	// EXDEV. It does so before it looks for the file, which is not there.
	name := fmt.Sprintf("%s%016x", probeName, rand.Uint64())
	err := unix.Renameat2(dir, name, t.root, name, unix.RENAME_NOREPLACE)
	if err == unix.EXDEV {
		return errUnfit
	}
	if t.project(t.root) != t.project(dir) {
		return errUnfit
	}
	return nil
}

// syncMade puts a new holding area on stable storage.
func syncMade(parent string, area int) error {
	err := again(func() error { return fsync(area) })
	if err != nil && err != unix.EINVAL {
		return err
	}
	dir, err := os.Open(parent)
	if err != nil {
		// It may be searched but not read.
		return again(func() error { return unix.Syncfs(area) })
	}
	if err := dir.Sync(); err != nil && !errors.Is(err, unix.EINVAL) {
		return errors.Join(err, dir.Close())
	}
	return dir.Close()
}
