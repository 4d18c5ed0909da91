package vfs

import (
	"fmt"
	"math"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"duet/store/index"
)

func (t Type) String() string {
	if t < Regular || t > Special {
		return "unknown thing"
	}
	return [...]string{"file", "directory", "symlink", "FIFO, socket or device"}[t-1]
}

func typeOf(mode uint32) Type {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return Regular
	case unix.S_IFDIR:
		return Directory
	case unix.S_IFLNK:
		return Link
	}
	return Special
}

// Lstat looks at a path, or at the root.
func (t *Tree) Lstat(p index.Path) (info Info, err error) {
	if p == index.Root {
		if err := t.enter(); err != nil {
			return Info{}, err
		}
		defer t.leave()
		if info, err = t.look(t.root, ""); err != nil {
			return Info{}, fmt.Errorf("lstat the root: %w", err)
		}
		info.Mount = false
		return info, nil
	}
	err = t.at("lstat", p, func(s spot) (err error) {
		info, err = t.look(s.dir, s.leaf)
		return err
	})
	return info, err
}

// Readlink returns what a symlink says, byte for byte.
func (t *Tree) Readlink(p index.Path) (target string, err error) {
	err = t.at("readlink", p, func(s spot) (err error) {
		target, err = t.readlink(s)
		return err
	})
	return target, err
}

func (t *Tree) readlink(s spot) (string, error) {
	buf := make([]byte, unix.PathMax) // no symlink is longer
	n, err := unix.Readlinkat(s.dir, s.leaf, buf)
	if err == nil {
		return string(buf[:n]), nil
	}
	if err != unix.EINVAL {
		return "", err
	}
	info, err := t.look(s.dir, s.leaf)
	if err != nil {
		return "", err
	}
	return "", unlike(info.Type)
}

// look is lstat of name in dir, or of dir itself if name is empty.
func (t *Tree) look(dir int, name string) (Info, error) {
	if t.lacks.statx {
		return t.lookOld(dir, name)
	}
	flags := unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT
	if name == "" {
		flags |= unix.AT_EMPTY_PATH
	}
	var sx unix.Statx_t
	err := again(func() error { return unix.Statx(dir, name, flags, unix.STATX_BASIC_STATS, &sx) })
	if err != nil {
		return Info{}, err
	}
	info := Info{Name: name, Type: typeOf(uint32(sx.Mode))}
	info.Mount = sx.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
	// Where the kernel does not say which names are mount points, another
	// device does. Of directories it always does: a subvolume of btrfs is no
	// mount point but cannot be renamed into. Of files it need not: on an
	// overlay they may be on the device of a lower layer.
	if info.Type == Directory || sx.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT == 0 {
		info.Mount = info.Mount || unix.Mkdev(sx.Dev_major, sx.Dev_minor) != t.dev
	}
	info.Stamp = index.Stamp{Ino: sx.Ino, Mode: uint32(sx.Mode), UID: sx.Uid, GID: sx.Gid}
	if info.Type != Directory {
		info.Stamp.Size = int64(sx.Size)
		info.Stamp.ModTime = modTime(sx.Mtime.Sec, sx.Mtime.Nsec)
		info.Stamp.Ctime = nanos(sx.Ctime.Sec, sx.Ctime.Nsec)
	}
	return info, nil
}

// lookOld is look where there is no statx.
func (t *Tree) lookOld(dir int, name string) (Info, error) {
	flags := unix.AT_SYMLINK_NOFOLLOW
	if name == "" {
		flags |= unix.AT_EMPTY_PATH
	}
	var st unix.Stat_t
	if err := again(func() error { return unix.Fstatat(dir, name, &st, flags) }); err != nil {
		return Info{}, err
	}
	info := Info{Name: name, Type: typeOf(st.Mode), Mount: st.Dev != t.dev}
	info.Stamp = index.Stamp{Ino: st.Ino, Mode: st.Mode, UID: st.Uid, GID: st.Gid}
	if info.Type != Directory {
		info.Stamp.Size = st.Size
		info.Stamp.ModTime = modTime(int64(st.Mtim.Sec), uint32(st.Mtim.Nsec))
		info.Stamp.Ctime = nanos(int64(st.Ctim.Sec), uint32(st.Ctim.Nsec))
	}
	return info, nil
}

// modTime is a modification time as stamps, entries and Meta have it. There 0
// says "none", but archives do hold files of exactly 1970: they get one
// nanosecond, which timespec takes away again.
func modTime(sec int64, nsec uint32) int64 {
	if sec == 0 && nsec == 0 {
		return 1
	}
	return nanos(sec, nsec)
}

// timespec is the inverse of modTime.
func timespec(ns int64) unix.Timespec {
	if ns == 1 {
		ns = 0
	}
	return unix.NsecToTimespec(ns)
}

// nanos returns a time in ns since 1970; the nearest there is for times before
// 1678 and after 2262, which filesystems can hold and int64 cannot.
func nanos(sec int64, nsec uint32) int64 {
	const most = math.MaxInt64 / int64(time.Second)
	switch {
	case sec >= most:
		return math.MaxInt64
	case sec < -most:
		return math.MinInt64
	}
	return sec*1e9 + int64(nsec)
}

// probeKernel finds out which calls there are. A sandbox may also answer
// EPERM to a call that it does not know.
func (t *Tree) probeKernel() {
	if fd, err := openat2(t.root, ".", unix.O_PATH|unix.O_DIRECTORY); err == nil {
		_ = unix.Close(fd)
	} else {
		t.lacks.openat2 = true
	}
	if _, err := t.look(t.root, ""); err != nil {
		t.lacks.statx = true
	}
}

// oneName checks that name is a single component.
func oneName(name string) error {
	if strings.IndexByte(name, '/') >= 0 {
		return fmt.Errorf("name %s has a slash", index.Quote(name))
	}
	_, err := index.ParsePath(name)
	return err
}
