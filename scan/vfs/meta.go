package vfs

import (
	"errors"
	"fmt"
	"math"

	"golang.org/x/sys/unix"

	"duet/store/index"
)

// SetMeta sets metadata in place: of what is at p, not of what p names later.
func (t *Tree) SetMeta(p index.Path, m Meta, expect index.Stamp) (stamp index.Stamp, err error) {
	err = t.at("set metadata", p, func(s spot) (err error) {
		stamp, err = t.dressSpot(s, m, func(info Info) error {
			if !info.Stamp.SameBytes(expect) {
				return ErrChanged
			}
			return nil
		})
		return err
	})
	return stamp, err
}

// dressSpot sets the metadata of what is at s, if check agrees.
//
// RACE: what is written between the check and the setting of the time gets
// the old time back, and would go unnoticed. A lease closes the window: who
// wants to write waits for a few microseconds. Where there can be no lease the
// window stays open that long; the installer has looked at the file just before.
func (t *Tree) dressSpot(s spot, m Meta, check func(Info) error) (index.Stamp, error) {
	fd, err := openat(s.dir, s.leaf, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return index.Stamp{}, err
	}
	defer unix.Close(fd)
	info, err := t.look(fd, "")
	switch {
	case err != nil:
		return index.Stamp{}, err
	case info.Mount:
		return index.Stamp{}, ErrMount
	case info.Type == Special:
		return index.Stamp{}, ErrSpecial
	}
	if info.Type == Regular && m.ModTime != 0 && m.ModTime != info.Stamp.ModTime {
		leased, err := quiet(fd)
		if err != nil {
			return index.Stamp{}, err
		}
		defer unix.Close(leased)
		if info, err = t.look(fd, ""); err != nil {
			return index.Stamp{}, err
		}
	}
	if err := check(info); err != nil {
		return index.Stamp{}, err
	}
	return t.dress(fd, m)
}

// quiet keeps writers from opening the regular file that path, an O_PATH
// descriptor, names until the descriptor that it returns is closed, if there
// are leases for this user and filesystem; if not, that is -1 or has no effect.
func quiet(path int) (int, error) {
	fd, err := openat(unix.AT_FDCWD, procPath(path), unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return -1, nil
	}
	if lease(fd) == unix.EAGAIN {
		_ = unix.Close(fd) // nothing was written
		return -1, ErrBusy
	}
	return fd, nil
}

// dress sets the metadata of what fd, which may be O_PATH, is open on, and
// returns the stamp afterwards. What is as it should be already is left alone:
// so nobody needs permission for it.
func (t *Tree) dress(fd int, m Meta) (index.Stamp, error) {
	info, err := t.look(fd, "")
	if err != nil {
		return index.Stamp{}, err
	}
	changed, err := chown(fd, info.Stamp, m)
	if err != nil {
		return index.Stamp{}, fmt.Errorf("set owner: %w", err)
	}
	if changed {
		// A change of owner clears setuid and setgid, so the mode comes after it.
		if info, err = t.look(fd, ""); err != nil {
			return index.Stamp{}, err
		}
	}
	if info.Type != Link && info.Stamp.Mode&0o7777 != m.Mode&0o7777 {
		if err := chmod(fd, m.Mode&0o7777); err != nil {
			return index.Stamp{}, fmt.Errorf("set mode %04o: %w", m.Mode&0o7777, err)
		}
		changed = true
	}
	if info.Type != Directory && m.ModTime != 0 && m.ModTime != info.Stamp.ModTime {
		if err := setModTime(fd, m.ModTime); err != nil {
			return index.Stamp{}, fmt.Errorf("set modification time: %w", err)
		}
		changed = true
	}
	if !changed {
		return info.Stamp, nil
	}
	if info, err = t.look(fd, ""); err != nil {
		return index.Stamp{}, err
	}
	return info.Stamp, nil
}

// chown sets the owner if it is another one, and reports whether it was.
func chown(fd int, now index.Stamp, m Meta) (changed bool, err error) {
	uid, gid := -1, -1 // leave it
	if m.UID >= 0 && m.UID != int64(now.UID) {
		uid = int(m.UID)
	}
	if m.GID >= 0 && m.GID != int64(now.GID) {
		gid = int(m.GID)
	}
	// The kernel takes the lowest 32 bits, and all ones for "leave it".
	if m.UID >= math.MaxUint32 || m.GID >= math.MaxUint32 {
		return false, fmt.Errorf("no such user or group number: %d:%d", m.UID, m.GID)
	}
	if uid == -1 && gid == -1 {
		return false, nil
	}
	return true, unix.Fchownat(fd, "", uid, gid, unix.AT_EMPTY_PATH)
}

// chmod is fchmod for any descriptor. Kernels before 6.6 have no call that
// does it with O_PATH; there /proc does.
func chmod(fd int, mode uint32) error {
	err := unix.Fchmodat(fd, "", mode, unix.AT_EMPTY_PATH)
	if err == nil {
		return nil
	}
	return viaProc(err, unix.Fchmodat(unix.AT_FDCWD, procPath(fd), mode, 0))
}

// setModTime is futimens for any descriptor. Kernels before 5.8 have no call
// that does it with O_PATH; there /proc does.
func setModTime(fd int, ns int64) error {
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, timespec(ns)}
	err := unix.UtimesNanoAt(fd, "", times, unix.AT_EMPTY_PATH)
	if err == nil {
		return nil
	}
	return viaProc(err, unix.UtimesNanoAt(unix.AT_FDCWD, procPath(fd), times, 0))
}

// viaProc returns what trying again by way of /proc gave. If /proc is not
// there, that says nothing of the file, and the first answer counts.
func viaProc(first, second error) error {
	if errors.Is(second, unix.ENOENT) || errors.Is(second, unix.ENOTDIR) {
		return first
	}
	return second
}

func procPath(fd int) string { return fmt.Sprintf("/proc/self/fd/%d", fd) }
