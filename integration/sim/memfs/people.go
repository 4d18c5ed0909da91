package memfs

import (
	"io"
	"slices"
	"strings"
	"syscall"
)

// People is what people and their programs do to the tree of a Disk. Few of
// them care when it is on stable storage: those call Fsync.
type People struct {
	D *Disk
	// Saw is told of the tree before and after what they did, if it is not nil.
	// It must not use the disk.
	Saw func(before, after []Thing)
}

// watched runs fn and tells Saw. (D.mu is held.)
func (p People) watched(fn func() error) error {
	if p.Saw == nil {
		return fn()
	}
	before := below(nil, p.D.root, "")
	err := fn()
	p.Saw(before, below(nil, p.D.root, ""))
	return err
}

func (p People) do(name string, fn func(dir *node, leaf string) error) error {
	p.D.mu.Lock()
	defer p.D.mu.Unlock()
	names := strings.Split(name, "/")
	dir, err := at(p.D.root, names[:len(names)-1])
	if err != nil {
		return err
	}
	if !dir.isDir() {
		return syscall.ENOTDIR
	}
	return p.watched(func() error { return fn(dir, names[len(names)-1]) })
}

func (p People) on(name string, fn func(n *node) error) error {
	return p.do(name, func(dir *node, leaf string) error {
		if n := dir.kids[leaf]; n != nil {
			return fn(n)
		}
		return syscall.ENOENT
	})
}

func (p People) add(name string, mode uint32, set func(*node)) error {
	return p.do(name, func(dir *node, leaf string) error {
		if dir.kids[leaf] != nil {
			return syscall.EEXIST
		}
		n := p.D.newNode(mode)
		n.touched = true
		if set != nil {
			set(n)
		}
		p.D.link(dir, leaf, n)
		return nil
	})
}

// Mkdir makes a directory.
func (p People) Mkdir(name string) error { return p.add(name, typeDir|0o755, nil) }

// Fifo makes a FIFO.
func (p People) Fifo(name string) error { return p.add(name, typeFifo|0o644, nil) }

// Symlink makes a symlink.
func (p People) Symlink(target, name string) error {
	return p.add(name, typeLink|0o777, func(n *node) { n.target = target })
}

// Write creates a file, or overwrites one in place.
func (p People) Write(name, content string) error {
	return p.do(name, func(dir *node, leaf string) error {
		n := dir.kids[leaf]
		if n == nil {
			n = p.D.newNode(typeFile | 0o644)
			p.D.link(dir, leaf, n)
		}
		if !n.isFile() {
			return syscall.EISDIR
		}
		n.touched = true
		p.D.write(n, []byte(content))
		return nil
	})
}

// Append writes at a file's end.
func (p People) Append(name, content string) error {
	return p.on(name, func(n *node) error {
		if !n.isFile() {
			return syscall.EISDIR
		}
		n.touched = true
		p.D.write(n, slices.Concat(n.data, []byte(content)))
		return nil
	})
}

// Fsync puts the content and the metadata of a file on stable storage, but not
// its name.
func (p People) Fsync(name string) error {
	return p.on(name, func(n *node) error {
		if !n.isFile() {
			return syscall.EISDIR
		}
		p.D.syncFile(n)
		return nil
	})
}

// Rename renames, as rename(2) does: over a file, too.
func (p People) Rename(from, to string) error {
	return p.on(from, func(n *node) error {
		names := strings.Split(to, "/")
		dir, err := at(p.D.root, names[:len(names)-1])
		if err != nil {
			return err
		}
		if !dir.isDir() {
			return syscall.ENOTDIR
		}
		for up := dir; up != nil; up = up.parent {
			if up == n {
				return syscall.EINVAL
			}
		}
		n.touched = true
		old := dir.kids[names[len(names)-1]]
		switch {
		case old == n:
			return nil
		case old == nil:
			p.D.rename(n, dir, names[len(names)-1])
			return nil
		case old.isDir() && !n.isDir():
			return syscall.EISDIR
		case !old.isDir() && n.isDir():
			return syscall.ENOTDIR
		case old.isDir() && len(old.kids) > 0:
			return syscall.ENOTEMPTY
		}
		p.D.replace(n, old)
		return nil
	})
}

// Remove removes name and all below it.
func (p People) Remove(name string) error {
	return p.on(name, func(n *node) error {
		p.D.remove(n)
		return nil
	})
}

func sortedNames(n *node) []string {
	names := make([]string, 0, len(n.kids))
	for name := range n.kids {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Read returns what a file holds.
func (p People) Read(name string) (s string, err error) {
	err = p.on(name, func(n *node) error {
		if !n.isFile() {
			return syscall.EISDIR
		}
		s = string(n.data)
		return nil
	})
	return s, err
}

// Chtimes sets the modification time.
func (p People) Chtimes(name string, ns int64) error {
	return p.on(name, func(n *node) error {
		p.D.settle(n, func() { n.mtime, n.touched = ns, true })
		return nil
	})
}

// Chmod sets the permission bits.
func (p People) Chmod(name string, mode uint32) error {
	return p.on(name, func(n *node) error {
		if n.mode&typeMask == typeLink {
			return syscall.EOPNOTSUPP
		}
		p.D.settle(n, func() { n.mode, n.touched = n.mode&typeMask|mode, true })
		return nil
	})
}

// OpenForWriting keeps a file open for writing.
func (p People) OpenForWriting(name string) (io.WriteCloser, error) {
	var w *writer
	err := p.on(name, func(n *node) error {
		if !n.isFile() {
			return syscall.EISDIR
		}
		p.D.writing[n]++
		w = &writer{p, p.D, n, p.D.boots}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return w, nil
}

type writer struct {
	p    People
	d    *Disk
	n    *node
	boot int
}

// Write appends to the open file, whatever its name is by now.
func (w *writer) Write(b []byte) (int, error) {
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	if w.boot != w.d.boots {
		return 0, syscall.EIO // no process outlives a power failure
	}
	// The file may be anywhere by now, without a name in the tree.
	before := append(below(nil, w.d.root, ""), thing("", w.n))
	w.n.touched = true
	w.d.write(w.n, slices.Concat(w.n.data, b))
	if w.p.Saw != nil {
		w.p.Saw(before, append(below(nil, w.d.root, ""), thing("", w.n)))
	}
	return len(b), nil
}

func (w *writer) Close() error {
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	if w.boot == w.d.boots {
		w.d.writing[w.n] = max(w.d.writing[w.n]-1, 0)
	}
	return nil
}
