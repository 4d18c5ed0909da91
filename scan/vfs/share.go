package vfs

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// Borrow makes h out of all that c is at this moment, by sharing its blocks: what
// is done to c from then on does not show in h. errors.ErrUnsupported: this
// filesystem cannot share.
func (t *Tree) Borrow(c Content, h Held) error {
	src, ok := c.(*content)
	if !ok {
		return errors.ErrUnsupported
	}
	return t.held("borrow for", h, func(s spot) error {
		d, err := t.create(h, s)
		if err != nil {
			return err
		}
		err = control(src.File, func(from int) error {
			return control(d.file, func(to int) error { return unix.IoctlFileClone(to, from) })
		})
		if err != nil {
			err = errors.Join(errors.ErrUnsupported, err, unix.Unlinkat(s.dir, s.leaf, 0))
		}
		return errors.Join(err, d.Close())
	})
}

// shareUnit is the largest block that filesystems share: where it begins in both
// files, that of Linux' page.
const shareUnit = 4096

// Copy adds n bytes of c, which does not change, from off on: copy_file_range(2)
// shares the blocks where they lie alike in both files, and copies the others in the
// kernel.
func (d *draft) Copy(c Content, off, n int64) error {
	src, ok := c.(*content)
	if !ok || d.done {
		return fmt.Errorf("copy to %v: %w", d.held, errors.ErrUnsupported)
	}
	err := d.drain()
	if err != nil {
		return fmt.Errorf("write %v: %w", d.held, bare(err))
	}
	err = control(src.File, func(from int) error {
		return control(d.file, func(to int) error { return d.copyRange(to, from, off, n) })
	})
	if err == nil {
		_, err = d.file.Seek(d.size, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("copy to %v: %w", d.held, bare(err))
	}
	if d.size-d.sent >= early {
		d.hurry()
	}
	return nil
}

func (d *draft) copyRange(to, from int, off, n int64) error {
	for n > 0 {
		step := min(n, 1<<30)
		if odd := d.size % shareUnit; odd != 0 {
			step = min(n, shareUnit-odd) // behind that, blocks may be shared
		}
		in, out := off, d.size
		m, err := unix.CopyFileRange(from, &in, to, &out, int(step), 0)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return err
		case m == 0:
			return io.ErrUnexpectedEOF
		default:
			off, d.size, n = off+int64(m), d.size+int64(m), n-int64(m)
		}
	}
	return nil
}
