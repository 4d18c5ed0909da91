package memfs

import (
	"io"
	"os"

	"duet/scan/vfs"
	"duet/store/index"
)

// Open opens a file of the tree.
func (f *Files) Open(p index.Path) (vfs.Content, error) {
	c := &content{f: f, what: string(p)}
	err := f.do("open", p, c.open)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// OpenHeld opens a held file.
func (f *Files) OpenHeld(h vfs.Held) (vfs.Content, error) {
	c := &content{f: f, what: held(h)}
	err := f.doHeld("open", h, c.open)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// content is an open file.
type content struct {
	f    *Files
	what string
	name string
	n    *node
	at   int64

	closed bool
}

// locked runs fn behind the door and under the lock.
func (c *content) locked(op string, fn func() error) error {
	if err := c.f.door(op, c.what); err != nil {
		return err
	}
	c.f.d.mu.Lock()
	defer c.f.d.mu.Unlock()
	if c.closed {
		return os.ErrClosed
	}
	return fn()
}

func (c *content) open(s spot) (err error) {
	c.name = s.leaf
	if c.n, err = s.node(); err == nil && !c.n.isFile() {
		err = unlike(c.n)
	}
	return err
}

func (c *content) Read(b []byte) (int, error) {
	n, err := c.ReadAt(b, c.at)
	c.at += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (c *content) ReadAt(b []byte, off int64) (n int, err error) {
	err = c.locked("read", func() error {
		if off < int64(len(c.n.data)) {
			n = copy(b, c.n.data[off:])
		}
		if n < len(b) {
			return io.EOF
		}
		return nil
	})
	return n, err
}

func (c *content) Stat() (out vfs.Info, err error) {
	err = c.locked("stat", func() error {
		out = info(c.name, c.n)
		return nil
	})
	return out, err
}

// Data knows no holes.
func (c *content) Data(off int64) (from, end int64, err error) {
	err = c.locked("seek", func() error {
		end = int64(len(c.n.data))
		from = min(off, end)
		return nil
	})
	return from, end, err
}

func (c *content) Writers() (writers, known bool) {
	c.f.d.mu.Lock()
	defer c.f.d.mu.Unlock()
	return c.f.d.Leases && c.f.d.busy(c.n), c.f.d.Leases
}

// Sync is fsync, which the installer asks for where it is to be had.
func (c *content) Sync() error {
	return c.locked("fsync", func() error {
		c.f.d.syncFile(c.n)
		return nil
	})
}

// LostAt looks where the file had its last name.
func (c *content) LostAt(p index.Path) (lost bool) {
	_ = c.locked("look back", func() error {
		s, err := c.f.spot(p)
		lost = err == nil && c.n.parent == nil && c.n.last == s.dir && c.n.name == s.leaf
		return err
	})
	return lost
}

func (c *content) Close() error {
	c.f.d.mu.Lock()
	defer c.f.d.mu.Unlock()
	if c.closed {
		return os.ErrClosed
	}
	c.closed = true
	return nil
}
