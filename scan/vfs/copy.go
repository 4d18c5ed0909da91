package vfs

import (
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"golang.org/x/sys/unix"

	"duet/store/index"
)

// tick is the coarsest step in which kernels stamp files. Two writes within
// one may leave the same times.
const tick = 10 * time.Millisecond

// Snapshot copies a regular file of the tree to h, of the tree's own owner and
// mode 0600, not synced: it is for reading it in peace, not for installing.
func (t *Tree) Snapshot(p index.Path, h Held) (stamp index.Stamp, err error) {
	err = t.at("snapshot", p, func(s spot) error {
		src, err := t.openContent(s)
		if err != nil {
			return err
		}
		err = t.copyTo(h, src, func(pour func() error) error {
			stamp, err = steady(src, pour)
			return err
		})
		return errors.Join(err, src.Close())
	})
	if err != nil {
		return index.Stamp{}, err
	}
	return stamp, nil
}

// steady runs pour and makes sure that src did not change while it ran.
func steady(src *content, pour func() error) (index.Stamp, error) {
	before, err := src.Stat()
	if err != nil {
		return index.Stamp{}, err
	}
	if wait := fresh(before.Stamp); wait > 0 {
		// Let the clock that stamps files move on, so that a write from here
		// on shows.
		time.Sleep(wait)
		if before, err = src.Stat(); err != nil {
			return index.Stamp{}, err
		}
		if fresh(before.Stamp) > 0 {
			return index.Stamp{}, ErrChanged
		}
	}
	if err := pour(); err != nil {
		return index.Stamp{}, err
	}
	after, err := src.Stat()
	if err != nil {
		return index.Stamp{}, err
	}
	if before.Stamp != after.Stamp {
		return index.Stamp{}, ErrChanged
	}
	return before.Stamp, nil
}

// fresh returns how long the last change may still share its time with the
// next one; zero if it cannot, or the clock was set back.
func fresh(s index.Stamp) time.Duration {
	age := time.Since(time.Unix(0, s.Ctime))
	if age < 0 || age > tick {
		return 0
	}
	return tick - age + time.Millisecond
}

// CopyHeld copies one held file to another name. As with Create, to may be a
// staged leftover, not a kept file.
func (t *Tree) CopyHeld(from, to Held) error {
	return t.held("copy", from, func(s spot) error {
		if from == to {
			return errors.New("onto itself")
		}
		src, err := t.openContent(s)
		if err != nil {
			return err
		}
		err = t.copyTo(to, src, func(pour func() error) error { return pour() })
		return errors.Join(err, src.Close())
	})
}

// copyTo makes h and has run fill it by calling pour; if that fails, h is
// removed again.
func (t *Tree) copyTo(h Held, src *content, run func(pour func() error) error) error {
	s, err := t.area(h)
	if err != nil {
		return fmt.Errorf("to %v: %w", h, err)
	}
	defer s.close()
	dst, err := t.create(h, s)
	if err != nil {
		return fmt.Errorf("to %v: %w", h, t.standing(s, err))
	}
	err = run(func() error {
		return control(src.File, func(from int) error {
			return control(dst.file, func(to int) error { return dst.pour(src, to, from) })
		})
	})
	if err = errors.Join(err, dst.Close()); err != nil {
		return errors.Join(fmt.Errorf("to %v: %w", h, err), unix.Unlinkat(s.dir, s.leaf, 0))
	}
	return nil
}

// pour copies the content of a file to the empty draft: by sharing its blocks
// if the filesystem can, and leaving holes out in any case.
func (d *draft) pour(from *content, dst, src int) error {
	if err := unix.IoctlFileClone(dst, src); err == nil {
		return nil
	}
	if size, err := fileSize(src); err == nil && size >= 2*directFrom {
		return d.copyLarge(from, size)
	}
	for off := int64(0); ; {
		data, err := unix.Seek(src, off, unix.SEEK_DATA)
		if err == unix.ENXIO {
			break
		}
		hole := int64(math.MaxInt64)
		if err != nil {
			data = off // this filesystem does not know its holes
		} else if hole, err = unix.Seek(src, data, unix.SEEK_HOLE); err != nil {
			hole = math.MaxInt64
		}
		end, err := pourRange(dst, src, data, hole)
		if err != nil {
			return err
		}
		if end < hole {
			break // the end of the file
		}
		off = hole
	}
	size, err := unix.Seek(src, 0, io.SeekEnd)
	if err != nil {
		return err
	}
	return unix.Ftruncate(dst, size)
}

// pourRange copies the bytes from off to end, and returns where it stopped:
// before end only at the end of the file.
func pourRange(dst, src int, off, end int64) (int64, error) {
	for off < end {
		in, out := off, off
		n, err := unix.CopyFileRange(src, &in, dst, &out, int(min(end-off, 1<<30)), 0)
		if err != nil || n == 0 {
			break // unsupported, or the end, or a real error: reading tells
		}
		off += int64(n)
	}
	if off == end {
		return off, nil
	}
	buf := make([]byte, 256<<10)
	for off < end {
		n, err := pread(src, buf[:min(int64(len(buf)), end-off)], off)
		if err != nil || n == 0 {
			return off, err
		}
		for b := buf[:n]; len(b) > 0; {
			var m int
			err := again(func() (err error) { m, err = unix.Pwrite(dst, b, off); return err })
			if err != nil {
				return off, err
			}
			b, off = b[m:], off+int64(m)
		}
	}
	return off, nil
}

func pread(fd int, b []byte, off int64) (n int, err error) {
	err = again(func() error { n, err = unix.Pread(fd, b, off); return err })
	return n, err
}
