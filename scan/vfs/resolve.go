package vfs

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"duet/store/index"
)

// beneath makes openat2 refuse what no path of a share may do: leave the
// directory that it starts from, pass a symlink, or cross a mount point.
const beneath = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_MAGICLINKS

// stride is how much of a path is given to the kernel at once. A Path may be
// longer than PATH_MAX allows a single argument to be.
const stride = 2048

// insideName is the holding area's name when it is in the root.
const insideName = ".duet"

// spot is where an operation acts: an open directory, and a name in it.
type spot struct {
	dir  int
	leaf string
	own  bool // dir is this spot's to close
}

func (s spot) close() {
	if s.own {
		_ = unix.Close(s.dir) // O_PATH: nothing can be lost
	}
}

// at runs fn where p is, and says in its error what was being done to p.
func (t *Tree) at(op string, p index.Path, fn func(spot) error) error {
	if err := t.enter(); err != nil {
		return err
	}
	defer t.leave()
	s, err := t.spot(p)
	if err == nil {
		err = t.cause(s, fn(s))
		s.close()
	}
	if err != nil {
		return fmt.Errorf("%s %v: %w", op, p, err)
	}
	return nil
}

// spot finds the directory that holds p.
//
// RACE: somebody may move that directory elsewhere, even out of the root,
// before the operation acts on it. It is still the directory that they moved,
// and no symlink was followed to it; the scan finds what came of it.
func (t *Tree) spot(p index.Path) (spot, error) {
	if err := t.admit(p); err != nil {
		return spot{}, err
	}
	dir := p.Parent()
	if dir == index.Root {
		return spot{dir: t.root, leaf: p.Leaf()}, nil
	}
	fd, err := t.descend(dir)
	if err != nil {
		return spot{}, err
	}
	return spot{dir: fd, leaf: p.Leaf(), own: true}, nil
}

// admit returns an error for a path that no operation may act on. A Path is
// checked when it is made; what a wrong one could do is worth a second look.
func (t *Tree) admit(p index.Path) error {
	if _, err := index.ParsePath(string(p)); err != nil {
		return err
	}
	if t.inside && (p == insideName || p.Under(insideName)) {
		return ErrReserved
	}
	return nil
}

// neighbour is spot for one of many paths, of which those in one directory follow
// each other: that is looked up for the first of them. was is the path before, and
// its spot, which it closes if p is elsewhere; in the end that is the caller's.
//
// RACE: as for spot, for as long as it takes to pass the neighbours.
func (t *Tree) neighbour(s spot, was, p index.Path) (spot, error) {
	if was == index.Root || was.Parent() != p.Parent() {
		s.close()
		return t.spot(p)
	}
	if err := t.admit(p); err != nil {
		s.close()
		return spot{}, err
	}
	s.leaf = p.Leaf()
	return s, nil
}

// cause explains an errno that a call on s gave.
func (t *Tree) cause(s spot, err error) error {
	errno, ok := err.(syscall.Errno)
	if !ok {
		return err
	}
	switch errno {
	case unix.ENOENT:
		return t.present(errno)
	case unix.EXDEV:
		return ErrMount
	case unix.EBUSY:
		if info, err := t.look(s.dir, s.leaf); err == nil && info.Mount {
			return ErrMount
		}
	}
	return errno
}

// descend opens a directory of the tree, not the root, as O_PATH.
func (t *Tree) descend(dir index.Path) (int, error) {
	if t.lacks.openat2 {
		return t.walk(dir)
	}
	fd, err := t.leap(string(dir))
	switch err {
	case nil:
	case unix.ENOTDIR, unix.ELOOP, unix.EAGAIN:
		// Something in the way is not a directory, or was being renamed. Go and
		// see what: only certainty may be reported as absence.
		return t.walk(dir)
	case unix.EXDEV:
		return -1, fmt.Errorf("%v %w", dir, ErrMount)
	default:
		return -1, fmt.Errorf("%v: %w", dir, t.present(err))
	}
	// A subvolume of btrfs is no mount point, but another device all the same.
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return -1, errors.Join(fmt.Errorf("%v: %w", dir, err), unix.Close(fd))
	}
	if st.Dev != t.dev {
		return -1, errors.Join(fmt.Errorf("%v %w", dir, ErrMount), unix.Close(fd))
	}
	return fd, nil
}

// leap opens a directory by openat2, in as few steps as its length allows.
func (t *Tree) leap(rest string) (int, error) {
	at := t.root
	for {
		head := rest
		if len(head) > stride {
			head = head[:strings.LastIndexByte(head[:stride], '/')]
		}
		rest = strings.TrimPrefix(rest[len(head):], "/")
		fd, err := openat2(at, head, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW)
		if at != t.root {
			_ = unix.Close(at)
		}
		if err != nil || rest == "" {
			return fd, err
		}
		at = fd
	}
}

// walk opens a directory name by name, and knows what it met.
func (t *Tree) walk(dir index.Path) (int, error) {
	at, done := t.root, 0
	for name := range strings.SplitSeq(string(dir), "/") {
		done += len(name)
		fd, err := openat(at, name, unix.O_PATH|unix.O_NOFOLLOW)
		if at != t.root {
			_ = unix.Close(at)
		}
		if err != nil {
			return -1, fmt.Errorf("%v: %w", dir[:done], t.present(err))
		}
		info, err := t.look(fd, "")
		switch {
		case err != nil:
			err = fmt.Errorf("%v: %w", dir[:done], err)
		case info.Mount:
			err = fmt.Errorf("%v %w", dir[:done], ErrMount)
		case info.Type != Directory:
			err = fmt.Errorf("%v is a %v: %w", dir[:done], info.Type, unix.ENOENT)
		}
		if err != nil {
			return -1, errors.Join(err, unix.Close(fd))
		}
		at = fd
		done++
	}
	return at, nil
}

// openLeaf opens what is at s itself, to read it: no symlink, and nothing mounted
// there. When it was last read by others is left as it is, or each file that is looked
// at would be one whose inode has to be written; only its owner may ask for that.
func (t *Tree) openLeaf(s spot, flags int) (int, error) {
	fd, err := t.openAs(s, flags|unix.O_NOATIME)
	if err == unix.EPERM {
		fd, err = t.openAs(s, flags)
	}
	return fd, err
}

func (t *Tree) openAs(s spot, flags int) (int, error) {
	if t.lacks.openat2 {
		return openat(s.dir, s.leaf, flags|unix.O_NOFOLLOW)
	}
	return openat2(s.dir, s.leaf, flags|unix.O_NOFOLLOW)
}

// unlike is the error for finding something else than what was asked for.
func unlike(found Type) error {
	if found == Special {
		return ErrSpecial
	}
	return fmt.Errorf("is a %v: %w", found, ErrChanged)
}

func openat2(dir int, path string, flags int) (fd int, err error) {
	how := unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: beneath}
	err = again(func() error { fd, err = unix.Openat2(dir, path, &how); return err })
	return fd, err
}

func openat(dir int, path string, flags int) (fd int, err error) {
	err = again(func() error { fd, err = unix.Openat(dir, path, flags|unix.O_CLOEXEC, 0); return err })
	return fd, err
}

// again repeats a call that a signal interrupted.
func again(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}
