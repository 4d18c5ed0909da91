package vfs

import (
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"duet/store/index"
)

// openDir is a directory of the tree, open for a walk. It is a bare descriptor:
// what os.File does for those that several goroutines use, or that nobody closes,
// takes a tenth of the time of a walk.
type openDir struct {
	tree *Tree
	path index.Path
	fd   int  // -1: closed
	read bool // its names, before
}

// OpenDir opens a directory for a walk. ErrChanged: it is not a directory.
func (t *Tree) OpenDir(p index.Path) (Dir, error) {
	fd := -1
	open := func(s spot) (err error) {
		if fd, err = t.openFolder(s); err == nil {
			return nil
		}
		if info, e := t.look(s.dir, s.leaf); e == nil && info.Mount {
			return ErrMount
		} else if e == nil && info.Type != Directory {
			return unlike(info.Type)
		}
		return err
	}
	var err error
	if p == index.Root {
		if err := t.enter(); err != nil {
			return nil, err
		}
		defer t.leave()
		if fd, err = openat(t.root, ".", unix.O_RDONLY|unix.O_DIRECTORY); err != nil {
			err = fmt.Errorf("open the root: %w", t.present(err))
		}
	} else {
		err = t.at("open directory", p, open)
	}
	if err != nil {
		return nil, err
	}
	return &openDir{tree: t, path: p, fd: fd}, nil
}

// openFolder opens the directory at s for reading its names.
func (t *Tree) openFolder(s spot) (int, error) {
	fd, err := t.openLeaf(s, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return -1, err
	}
	info, err := t.look(fd, "")
	if err == nil && info.Mount {
		err = ErrMount
	}
	if err != nil {
		_ = unix.Close(fd) // nothing was written
		return -1, err
	}
	return fd, nil
}

// Names returns the names in byte order. In the root, the holding area is not
// among them.
func (d *openDir) Names() ([]string, error) {
	if d.read {
		if _, err := unix.Seek(d.fd, 0, io.SeekStart); err != nil {
			return nil, fmt.Errorf("list %v: %w", d.path, err)
		}
	}
	d.read = true
	names, err := entries(d.fd)
	if err != nil {
		return nil, fmt.Errorf("list %v: %w", d.path, d.present(err))
	}
	if d.path == index.Root && d.tree.inside {
		names = slices.DeleteFunc(names, func(n string) bool { return n == insideName })
	}
	slices.Sort(names)
	return names, nil
}

// rooms are for what the kernel says is in a directory: room for a thousand names.
var rooms = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// entries reads the names of an open directory, in no order.
func entries(fd int) (names []string, err error) {
	room := rooms.Get().(*[32 << 10]byte)
	defer rooms.Put(room)
	for {
		var n int
		err := again(func() error { n, err = unix.Getdents(fd, room[:]); return err })
		if err != nil || n == 0 {
			return names, err
		}
		_, _, names = unix.ParseDirent(room[:n], -1, names)
	}
}

// Lstat looks at one name in the directory, wherever that has been moved to.
func (d *openDir) Lstat(name string) (info Info, err error) {
	if err := oneName(name); err != nil {
		return Info{}, fmt.Errorf("lstat in %v: %w", d.path, err)
	}
	if info, err = d.tree.look(d.fd, name); err != nil {
		return Info{}, fmt.Errorf("lstat %s in %v: %w", index.Quote(name), d.path, d.present(err))
	}
	return info, nil
}

// Changed is when it was renamed, or when something in it got or lost a name.
func (d *openDir) Changed() (at int64, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(d.fd, &st); err != nil {
		return 0, fmt.Errorf("lstat %v: %w", d.path, err)
	}
	return st.Ctim.Nano(), nil
}

// present is the tree's, while that is open.
func (d *openDir) present(err error) error {
	if closed := d.tree.enter(); closed != nil {
		return closed
	}
	defer d.tree.leave()
	return d.tree.present(err)
}

func (d *openDir) Close() error {
	fd := d.fd
	if d.fd = -1; fd < 0 {
		return fmt.Errorf("close %v: %w", d.path, os.ErrClosed)
	}
	return unix.Close(fd)
}

// control calls fn with f's descriptor, which a Close meanwhile leaves open
// until fn has returned.
func control(f *os.File, fn func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = fn(int(fd)) }); err != nil {
		return err
	}
	return inner
}
