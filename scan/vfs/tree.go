package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"duet/store/index"
)

// Options say how a tree is opened.
type Options struct {
	Holding string // path of the holding area; "": choose one, see Open
	Name    string // of the share; "": the root's own name

	lacks lacks // for tests: go without these
}

// lacks says which calls this kernel or filesystem does not have.
type lacks struct {
	openat2   bool
	statx     bool
	noreplace bool // RENAME_NOREPLACE
	exchange  bool // RENAME_EXCHANGE
	links     bool // hard links; looked at only without RENAME_NOREPLACE
	modes     bool // permission bits
}

// Tree is the Files of a real directory. It holds descriptors of the root and
// of the holding area's folders from Open to Close, so that it works on the
// directories that it opened, whatever their paths name later.
type Tree struct {
	path  string // of the root, absolute, as configured
	name  string
	lacks lacks

	// open is held for reading by every operation, so that Close never takes a
	// descriptor away from one, and for writing only by Close.
	open    sync.RWMutex
	closed  bool
	root    int // O_PATH
	stage   int
	kept    int
	dev     uint64 // st_dev of the root
	counted bool   // st_nlink of the root says when it is removed
	opened  index.Identity

	holding string // path, for people
	inside  bool   // the holding area is in the root
}

var _ Files = (*Tree)(nil)

// Open opens the directory root and its holding area.
//
// Symlinks in the path of the root are followed, once: it is the
// administrator's. The holding area is made if it is not there, with mode
// 0700: at o.Holding if that is set, else ".duet-<name>" beside the root if
// files can be renamed from there into the root, else ".duet" inside it. One
// that an earlier run made is used again.
func Open(root string, o Options) (*Tree, error) {
	t, err := open(root, o)
	if err != nil {
		return nil, fmt.Errorf("open share %s: %w", index.Quote(root), err)
	}
	return t, nil
}

func open(root string, o Options) (*Tree, error) {
	path, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	t := &Tree{path: path, name: o.Name, lacks: o.lacks, root: -1, stage: -1, kept: -1}
	if err := t.openRoot(); err != nil {
		return nil, err
	}
	t.probeKernel()
	if err := t.openHolding(o.Holding); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	if err := t.probeRenames(); err != nil {
		return nil, errors.Join(fmt.Errorf("try the holding area %s: %w", index.Quote(t.holding), err), t.Close())
	}
	return t, nil
}

func (t *Tree) openRoot() error {
	fd, err := openat(unix.AT_FDCWD, t.path, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	t.root = fd
	if err := t.identify(); err != nil {
		return errors.Join(err, t.Close())
	}
	return nil
}

// identify notes what the open root is.
func (t *Tree) identify() (err error) {
	var st unix.Stat_t
	if err := unix.Fstat(t.root, &st); err != nil {
		return fmt.Errorf("stat root: %w", err)
	}
	t.dev, t.counted = st.Dev, st.Nlink > 0
	t.opened, err = identity(t.root)
	return err
}

// Identity looks the root up by its path again.
func (t *Tree) Identity() (index.Identity, error) {
	fd, err := openat(unix.AT_FDCWD, t.path, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return index.Identity{}, fmt.Errorf("look up root %s: %w", index.Quote(t.path), err)
	}
	defer unix.Close(fd)
	return identity(fd)
}

func identity(fd int) (index.Identity, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return index.Identity{}, fmt.Errorf("stat root: %w", err)
	}
	var sf unix.Statfs_t
	if err := again(func() error { return unix.Fstatfs(fd, &sf) }); err != nil {
		return index.Identity{}, fmt.Errorf("statfs root: %w", err)
	}
	fsid := uint64(uint32(sf.Fsid.Val[0])) | uint64(uint32(sf.Fsid.Val[1]))<<32
	return index.Identity{Dev: st.Dev, Fsid: fsid, Ino: st.Ino}, nil
}

// Opened is the identity that the root had when it was opened.
func (t *Tree) Opened() index.Identity { return t.opened }

// Holding returns the path that the holding area was opened by.
func (t *Tree) Holding() string { return t.holding }

// HoldingInside reports whether the holding area is inside the root, where a
// server that runs as the same user could serve what is in it.
func (t *Tree) HoldingInside() bool { return t.inside }

// Degraded says in words what this kernel or filesystem lacks and what that
// means; nil if nothing.
func (t *Tree) Degraded() []string {
	var out []string
	if t.lacks.openat2 {
		out = append(out, "the kernel has no openat2: paths are looked up name by name, which is slower and as safe")
	}
	if t.lacks.statx {
		out = append(out, "the kernel has no statx: a directory that is bind-mounted from the same filesystem is not seen to be a mount point")
	}
	if t.lacks.noreplace {
		out = append(out, "the filesystem cannot rename without replacing (RENAME_NOREPLACE): hard links and a look beforehand stand in for it")
	}
	if t.lacks.exchange {
		out = append(out, "the filesystem cannot exchange two names (RENAME_EXCHANGE): what is replaced is missing for an instant")
	}
	if t.lacks.modes {
		out = append(out, "the filesystem does not keep permission bits: other users may be able to read the holding area")
	}
	return out
}

// Free returns the bytes that an ordinary user may still write, also to root.
func (t *Tree) Free() (int64, error) {
	sf, err := t.statfs()
	return int64(sf.Bavail) * sf.Bsize, err
}

// Capacity returns the bytes that the whole filesystem has.
func (t *Tree) Capacity() (int64, error) {
	sf, err := t.statfs()
	return int64(sf.Blocks) * sf.Bsize, err
}

func (t *Tree) statfs() (sf unix.Statfs_t, err error) {
	if err := t.enter(); err != nil {
		return sf, err
	}
	defer t.leave()
	if err := again(func() error { return unix.Fstatfs(t.root, &sf) }); err != nil {
		return unix.Statfs_t{}, fmt.Errorf("statfs root: %w", err)
	}
	return sf, nil
}

// Close lets go of the tree, when the operations under way have ended. What
// was opened through it stays open.
func (t *Tree) Close() error {
	t.open.Lock()
	defer t.open.Unlock()
	if t.closed {
		return nil
	}
	t.closed = true
	var errs []error
	for _, fd := range []int{t.root, t.stage, t.kept} {
		if fd >= 0 {
			errs = append(errs, unix.Close(fd))
		}
	}
	return errors.Join(errs...)
}

func (t *Tree) enter() error {
	t.open.RLock()
	if t.closed {
		t.open.RUnlock()
		return fmt.Errorf("tree %s: %w", index.Quote(t.path), os.ErrClosed)
	}
	return nil
}

func (t *Tree) leave() { t.open.RUnlock() }

// present returns errno, which a call for a name in the tree or the holding
// area gave, unless that is ENOENT only because the root or the area itself
// was removed: that says nothing of any path.
func (t *Tree) present(errno error) error {
	if !errors.Is(errno, fs.ErrNotExist) {
		return errno
	}
	var st unix.Stat_t
	if err := unix.Fstat(t.root, &st); err != nil {
		return fmt.Errorf("stat root: %w", err)
	}
	if t.counted && st.Nlink == 0 {
		return errors.New("the root directory of the share was removed")
	}
	return errno
}
