package vfs

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"duet/store/index"
)

// content is a regular file, open for reading.
type content struct {
	*os.File
	tree *Tree
	leaf string
}

// Open opens a regular file for reading. ErrSpecial: it is a FIFO, socket or
// device; ErrChanged: it is a directory or symlink.
func (t *Tree) Open(p index.Path) (Content, error) {
	var c *content
	err := t.at("open", p, func(s spot) (err error) {
		c, err = t.openContent(s)
		return err
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// openContent opens the regular file at s. It looks before it opens, because
// to open a FIFO or a device can do something; and after, because only what is
// open is certain.
func (t *Tree) openContent(s spot) (*content, error) {
	info, err := t.look(s.dir, s.leaf)
	if err := onlyFile(info, err); err != nil {
		return nil, err
	}
	// O_NONBLOCK: for what may be there by now.
	fd, err := t.openLeaf(s, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err == unix.ELOOP {
		return nil, unlike(Link)
	}
	if err != nil {
		return nil, err
	}
	info, err = t.look(fd, "")
	if err := onlyFile(info, err); err != nil {
		_ = unix.Close(fd) // nothing was written
		return nil, err
	}
	return &content{File: os.NewFile(uintptr(fd), index.Quote(s.leaf)), tree: t, leaf: s.leaf}, nil
}

func onlyFile(info Info, err error) error {
	switch {
	case err != nil:
		return err
	case info.Mount:
		return ErrMount
	case info.Type != Regular:
		return unlike(info.Type)
	}
	return nil
}

// Stat looks at the open file.
func (c *content) Stat() (info Info, err error) {
	err = control(c.File, func(fd int) error {
		info, err = c.tree.look(fd, "")
		return err
	})
	if err != nil {
		return Info{}, fmt.Errorf("stat open file %s: %w", index.Quote(c.leaf), err)
	}
	info.Name = c.leaf
	return info, nil
}

// Data asks for the next data and the next hole: lseek(2), SEEK_DATA. The file may
// change in between: who reads it finds that out.
func (c *content) Data(off int64) (from, end int64, err error) {
	err = control(c.File, func(fd int) error {
		size, err := fileSize(fd)
		if err != nil {
			return err
		}
		if off >= size {
			from, end = size, size
			return nil
		}
		from, err = unix.Seek(fd, off, unix.SEEK_DATA)
		switch err {
		case nil:
		case unix.ENXIO:
			from, end = size, size
			return nil
		default:
			from, end = off, size
			return nil
		}
		if end, err = unix.Seek(fd, from, unix.SEEK_HOLE); err != nil {
			end = size
		}
		return nil
	})
	if err != nil {
		return 0, 0, fmt.Errorf("look for holes in %s: %w", index.Quote(c.leaf), err)
	}
	return from, end, nil
}

func fileSize(fd int) (int64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, err
	}
	return st.Size, nil
}

// Writers tries a read lease: see lease.
func (c *content) Writers() (writers, known bool) {
	_ = control(c.File, func(fd int) error {
		writers, known = leased(fd)
		return nil
	})
	return writers, known
}

func leased(fd int) (writers, known bool) {
	switch lease(fd) {
	case nil:
		unlease(fd)
		known = true
	case unix.EAGAIN:
		writers, known = true, true
	}
	return writers, known
}

// LostAt asks where the kernel had the file last: readlink of proc_pid_fd(5),
// which goes along with renames and says when the name is gone.
func (c *content) LostAt(p index.Path) (lost bool) {
	_ = c.tree.at("look back", p, func(s spot) error {
		dir, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", s.dir))
		if err != nil {
			return err
		}
		return control(c.File, func(fd int) error {
			last, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
			lost = err == nil && last == filepath.Join(dir, s.leaf)+" (deleted)"
			return err
		})
	})
	return lost
}

// lease takes a read lease on fd, which must be open for reading only:
// fcntl(2), F_SETLEASE. EAGAIN: a process has the file open for writing. Other
// errors: this user does not own the file and has no CAP_LEASE, or the
// filesystem has no leases.
//
// While it is held, whoever opens the file for writing waits (or gets EAGAIN,
// if they asked not to wait), so it must be given back at once. They also make
// the kernel send this process SIGIO, which Go's runtime catches and drops
// unless the program asks for it.
func lease(fd int) error {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_RDLCK)
	return err
}

func unlease(fd int) {
	// It fails only if there is no lease any more.
	_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_UNLCK)
}

// DropCache asks the kernel to forget what it has in memory of the file, so
// that it is read from the disk: posix_fadvise(2). What is not written yet, or
// in use, stays.
func (c *content) DropCache() {
	_ = control(c.File, func(fd int) error {
		return unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED)
	})
}
