package vfs

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// probeRenames finds out which kinds of rename the filesystem has, by trying
// them in the holding area.
func (t *Tree) probeRenames() error {
	names, err := namesIn(t.stage, ".")
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasPrefix(name, probeName) {
			if err := t.remove(t.stage, name); err != nil {
				return err
			}
		}
	}
	a := spot{dir: t.stage, leaf: fmt.Sprintf("%s%016x", probeName, rand.Uint64())}
	b := spot{dir: t.stage, leaf: a.leaf + "-b"}
	if err := makeEmpty(a, b); err != nil {
		if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
			return nil // a full disk must not keep a share from starting
		}
		return err
	}
	t.tryRenames(a, b)
	// One name was renamed, or not, so remove whatever is there.
	for _, s := range []spot{a, b, {dir: t.stage, leaf: a.leaf + "-c"}} {
		if e := unix.Unlinkat(s.dir, s.leaf, 0); e != nil && e != unix.ENOENT {
			err = errors.Join(err, e)
		}
	}
	return err
}

func (t *Tree) tryRenames(a, b spot) {
	c := a.leaf + "-c"
	if !t.lacks.exchange {
		t.lacks.exchange = unix.Renameat2(a.dir, a.leaf, b.dir, b.leaf, unix.RENAME_EXCHANGE) != nil
	}
	if !t.lacks.links {
		err := unix.Linkat(a.dir, a.leaf, a.dir, c, 0)
		t.lacks.links = err != nil
		if err == nil {
			_ = unix.Unlinkat(a.dir, c, 0) // else the next rename fails, which is safe
		}
	}
	if !t.lacks.noreplace {
		t.lacks.noreplace = unix.Renameat2(a.dir, a.leaf, a.dir, c, unix.RENAME_NOREPLACE) != nil
	}
}

func makeEmpty(spots ...spot) error {
	for _, s := range spots {
		fd, err := makeFile(s)
		if err != nil {
			return err
		}
		if err := unix.Close(fd); err != nil {
			return err
		}
	}
	return nil
}

// project returns the quota project that new files in a directory belong to.
// Where a directory passes its project on, rename(2) from a directory of
// another project says EXDEV. Zero: none, or the filesystem has no projects.
func (t *Tree) project(dir int) uint32 {
	fd, err := openat(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	// struct fsxattr and FS_IOC_FSGETXATTR of linux/fs.h
	var attr struct {
		flags, extent, extents, project, cow uint32
		_                                    [8]byte
	}
	const getAttr, projInherit = 0x801c581f, 0x200
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), getAttr, uintptr(unsafe.Pointer(&attr)))
	if errno != 0 || attr.flags&projInherit == 0 {
		return 0
	}
	return attr.project
}
