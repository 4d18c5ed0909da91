package memfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"

	"duet/scan/vfs"
	"duet/store/index"
)

// Create makes an empty staged file.
func (f *Files) Create(h vfs.Held) (vfs.Draft, error) {
	x := &draft{f: f, what: held(h)}
	err := f.doHeld("create", h, func(s spot) (err error) {
		if x.n, err = f.d.create(s, h); err == nil {
			f.d.drafts[x] = true
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return x, nil
}

// Append opens a staged file to go on.
func (f *Files) Append(h vfs.Held) (vfs.Draft, error) {
	x := &draft{f: f, what: held(h)}
	err := f.doHeld("append", h, func(s spot) (err error) {
		if h.Area != vfs.Stage {
			return errors.New("only staged files are appended to")
		}
		x.n, err = s.node()
		switch {
		case errors.Is(err, fs.ErrNotExist):
			x.n, err = f.d.create(s, h)
		case err == nil && !x.n.isFile():
			err = unlike(x.n)
		case err == nil && x.n.mode&0o600 != 0o600:
			f.d.settle(x.n, func() { x.n.mode = typeFile | 0o600 })
		}
		if err == nil {
			f.d.drafts[x] = true
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return x, nil
}

// draft is a staged file being written.
type draft struct {
	f    *Files
	what string
	n    *node
	done bool

	closed bool
}

func (x *draft) locked(op string, fn func()) error {
	if err := x.f.door(op, x.what); err != nil {
		return fmt.Errorf("%s %s: %w", op, x.what, err)
	}
	x.f.d.mu.Lock()
	defer x.f.d.mu.Unlock()
	if x.done || x.closed {
		return fmt.Errorf("%s %s: it is finished", op, x.what)
	}
	fn()
	return nil
}

func (x *draft) Write(b []byte) (int, error) {
	err := x.locked("write", func() { x.f.d.write(x.n, slices.Concat(x.n.data, b)) })
	if err != nil {
		return 0, err
	}
	return len(b), nil
}

func (x *draft) Size() int64 {
	x.f.d.mu.Lock()
	defer x.f.d.mu.Unlock()
	return int64(len(x.n.data))
}

func (x *draft) Truncate(size int64) error {
	if size < 0 {
		return fmt.Errorf("truncate %s: %w", x.what, syscall.EINVAL)
	}
	return x.locked("truncate", func() {
		data := make([]byte, size)
		copy(data, x.n.data)
		x.f.d.write(x.n, data)
	})
}

func (x *draft) Hole(n int64) error { return x.Truncate(x.Size() + n) }

func (x *draft) Finish(m vfs.Meta) (stamp index.Stamp, err error) {
	err = x.locked("finish", func() {
		stamp = x.f.d.dress(x.n, m)
		x.f.d.syncFile(x.n)
	})
	x.done = true
	return stamp, err
}

// Dress is Finish without the sync.
func (x *draft) Dress(m vfs.Meta) (stamp index.Stamp, err error) {
	err = x.locked("dress", func() { stamp = x.f.d.dress(x.n, m) })
	x.done = true
	return stamp, err
}

// SyncStaged syncs staged files, each by itself.
func (f *Files) SyncStaged(staged []vfs.Held) []error {
	errs := make([]error, len(staged))
	for i, h := range staged {
		errs[i] = f.doHeld("sync staged", h, func(s spot) error {
			n, err := s.node()
			if err == nil {
				f.d.syncFile(n)
			}
			return err
		})
	}
	return errs
}

func (x *draft) Close() error {
	x.f.d.mu.Lock()
	defer x.f.d.mu.Unlock()
	if x.closed {
		return os.ErrClosed
	}
	x.closed = true
	delete(x.f.d.drafts, x) // that of a daemon that died is not there any more
	return nil
}
