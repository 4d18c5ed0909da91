package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"duet/store/index"
)

// draft is a held file being written.
type draft struct {
	file *os.File
	tree *Tree
	held Held
	size int64
	sent int64 // the kernel was asked to write this much to the disk
	done bool  // Finish was called

	run    int64 // bytes written without a hole in between
	past   *past // what goes past the page cache; nil if nothing does
	plain  bool  // nothing can
	failed error // of a write that was under way when Write returned
}

// Create makes an empty file. A staged leftover of that name is replaced, not
// written over: what else has it open, or is a hard link to it, keeps its
// bytes. A kept one never is: fs.ErrExist.
func (t *Tree) Create(h Held) (Draft, error) {
	var d *draft
	err := t.held("create", h, func(s spot) (err error) {
		d, err = t.create(h, s)
		return err
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

func (t *Tree) create(h Held, s spot) (*draft, error) {
	fd, err := makeFile(s)
	if err == unix.EEXIST && h.Area == Stage && h.In == "" {
		if err := t.remove(s.dir, s.leaf); err != nil {
			return nil, fmt.Errorf("remove the leftover: %w", err)
		}
		fd, err = makeFile(s)
	}
	if err != nil {
		return nil, err
	}
	return &draft{file: os.NewFile(uintptr(fd), h.String()), tree: t, held: h}, nil
}

func makeFile(s spot) (fd int, err error) {
	// Not O_APPEND, which copy_file_range refuses.
	const flags = unix.O_RDWR | unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW | unix.O_CLOEXEC
	err = again(func() error { fd, err = unix.Openat(s.dir, s.leaf, flags, 0o600); return err })
	return fd, err
}

// Append opens a staged file to go on where it stopped.
func (t *Tree) Append(h Held) (Draft, error) {
	var d *draft
	err := t.held("append", h, func(s spot) (err error) {
		if h.Area != Stage {
			return errors.New("only staged files are appended to")
		}
		d, err = t.resume(h, s)
		return err
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

func (t *Tree) resume(h Held, s spot) (*draft, error) {
	info, err := t.look(s.dir, s.leaf)
	if errors.Is(err, fs.ErrNotExist) {
		return t.create(h, s)
	}
	if err := onlyFile(info, err); err != nil {
		return nil, err
	}
	fd, err := openat(s.dir, s.leaf, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	if st.Nlink != 1 {
		// A crash between the two halves of a rename by hard link left the same
		// file in the tree. Nothing is written to that.
		return t.create(h, s)
	}
	if st.Mode&0o600 != 0o600 {
		// It was finished with a mode that shuts its owner out.
		if err := chmod(fd, 0o600); err != nil {
			return nil, fmt.Errorf("make it writable: %w", err)
		}
	}
	file, err := openat(s.dir, s.leaf, unix.O_RDWR|unix.O_NOFOLLOW)
	if err != nil {
		return nil, err
	}
	d := &draft{file: os.NewFile(uintptr(file), h.String()), tree: t, held: h}
	if d.size, err = d.file.Seek(0, 2); err != nil {
		return nil, errors.Join(err, d.file.Close())
	}
	return d, nil
}

func (d *draft) Write(b []byte) (int, error) {
	if d.done {
		return 0, fmt.Errorf("write %v: it is finished", d.held)
	}
	wrote := 0
	for more := true; more; more = wrote < len(b) {
		n, err := d.some(b[wrote:])
		wrote += n
		if err != nil {
			return wrote, fmt.Errorf("write %v: %w", d.held, bare(err))
		}
	}
	return wrote, nil
}

// some writes the first bytes of b.
func (d *draft) some(b []byte) (int, error) {
	if d.direct() {
		return d.fly(b)
	}
	n, err := d.file.Write(b[:min(int64(len(b)), atOnce, d.toUnit())])
	d.size += int64(n)
	d.run += int64(n)
	if d.size-d.sent >= early {
		d.hurry()
	}
	return n, err
}

// atOnce is how much one system call writes. The page cache takes a larger piece in
// units of up to 4 MiB, which have to be found first: that took two to eight times
// as long.
const atOnce = 512 << 10

// early is how much of a large file the disk is given at a time while more of it
// is still to come, so that the fsync at its end has little left to do.
const early = 16 << 20

// hurry has the kernel begin to write to the disk, and waits for nothing. It is
// no more than a hint: what is on stable storage is Finish's business.
func (d *draft) hurry() {
	_ = control(d.file, func(fd int) error {
		return unix.SyncFileRange(fd, d.sent, d.size-d.sent, unix.SYNC_FILE_RANGE_WRITE)
	})
	d.sent = d.size
}

func (d *draft) Size() int64 { return d.size }

func (d *draft) Truncate(size int64) error {
	if d.done {
		return fmt.Errorf("truncate %v: it is finished", d.held)
	}
	if err := d.drain(); err != nil {
		return fmt.Errorf("write %v: %w", d.held, bare(err))
	}
	if err := d.file.Truncate(size); err != nil {
		return fmt.Errorf("truncate %v: %w", d.held, bare(err))
	}
	if _, err := d.file.Seek(size, 0); err != nil {
		return fmt.Errorf("truncate %v: %w", d.held, bare(err))
	}
	d.size, d.sent = size, min(d.sent, size)
	return nil
}

// Hole makes the file longer, and writes nothing.
func (d *draft) Hole(n int64) error { return d.Truncate(d.size + n) }

// Finish sets the metadata, then puts all on stable storage. After it, nothing
// more can be written.
func (d *draft) Finish(m Meta) (stamp index.Stamp, err error) {
	return d.finish(m, fsync)
}

// Dress sets the metadata. After it, nothing more can be written.
func (d *draft) Dress(m Meta) (stamp index.Stamp, err error) {
	return d.finish(m, func(int) error { return nil })
}

func (d *draft) finish(m Meta, sync func(fd int) error) (stamp index.Stamp, err error) {
	d.done = true
	if err := d.drain(); err != nil {
		return index.Stamp{}, fmt.Errorf("finish %v: %w", d.held, bare(err))
	}
	err = control(d.file, func(fd int) error {
		if stamp, err = d.tree.dress(fd, m); err != nil {
			return err
		}
		return again(func() error { return sync(fd) })
	})
	if err != nil {
		return index.Stamp{}, fmt.Errorf("finish %v: %w", d.held, err)
	}
	return stamp, nil
}

func (d *draft) Close() error {
	var err error
	if d.past != nil {
		err = d.drain() // what is here is the beginning for the next time
	}
	return errors.Join(err, d.file.Close())
}

// bare takes off what package os says of the operation and the file.
func bare(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
