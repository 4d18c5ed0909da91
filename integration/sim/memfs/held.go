package memfs

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"duet/scan/vfs"
	"duet/store/index"
)

// Place, Swap, Move, Shelve and Rmdir are the verbs.

// Place moves h to a path where nothing is.
func (f *Files) Place(h vfs.Held, p index.Path) error {
	return f.verb("place", p, h, func(held, s spot) error { return f.d.shift(held, s) })
}

// Shelve moves p away.
func (f *Files) Shelve(p index.Path, h vfs.Held) error {
	return f.verb("shelve", p, h, func(held, s spot) error { return f.d.shift(s, held) })
}

// Swap exchanges h and p.
func (f *Files) Swap(h vfs.Held, p index.Path) error {
	return f.verb("swap", p, h, func(held, s spot) error {
		a, err := held.node()
		if err != nil {
			return err
		}
		b, err := s.node()
		if err != nil {
			return err
		}
		f.d.exchange(a, b)
		return nil
	})
}

func (f *Files) verb(op string, p index.Path, h vfs.Held, fn func(held, s spot) error) error {
	return f.do(op, p, func(s spot) error {
		held, err := f.area(h)
		if err == nil {
			err = fn(held, s)
		}
		if err != nil {
			return fmt.Errorf("with %s/%s: %w", h.Area, h.Name, err)
		}
		return nil
	})
}

// shift renames a to b, which must be free.
func (d *Disk) shift(a, b spot) error {
	n, err := a.node()
	if err != nil {
		return err
	}
	if _, err := b.node(); err == nil {
		return syscall.EEXIST
	}
	for up := b.dir; up != nil; up = up.parent {
		if up == n {
			return syscall.EINVAL
		}
	}
	d.rename(n, b.dir, b.leaf)
	return nil
}

// Move renames within the tree.
func (f *Files) Move(from, to index.Path) error {
	return f.do("move", from, func(a spot) error {
		b, err := f.spot(to)
		if err == nil {
			err = f.d.shift(a, b)
		}
		if err != nil {
			return fmt.Errorf("to %v: %w", to, err)
		}
		return nil
	})
}

// Rmdir removes an empty directory.
func (f *Files) Rmdir(p index.Path) error {
	return f.do("remove directory", p, f.d.rmdir)
}

// LstatHeld looks at a held thing.
func (f *Files) LstatHeld(h vfs.Held) (out vfs.Info, err error) {
	err = f.doHeld("lstat", h, func(s spot) error {
		n, err := s.node()
		if err == nil {
			out = info(s.leaf, n)
			if n.parent == f.d.areas["stage"] {
				n.looked = time.Now().UnixNano()
			}
		}
		return err
	})
	return out, err
}

// ReadlinkHeld reads a held symlink.
func (f *Files) ReadlinkHeld(h vfs.Held) (target string, err error) {
	err = f.doHeld("readlink", h, func(s spot) (err error) {
		target, err = readlink(s)
		return err
	})
	return target, err
}

// HeldNames lists the names in one folder of the holding area.
func (f *Files) HeldNames(a vfs.Area) ([]string, error) {
	infos, err := f.ListHeld(a)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(infos))
	for _, info := range infos {
		names = append(names, info.Name)
	}
	return names, nil
}

// ListHeld lists one folder of the holding area.
func (f *Files) ListHeld(a vfs.Area) ([]vfs.Info, error) {
	if err := f.pass("list", "<"+string(a)+">"); err != nil {
		return nil, err
	}
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	s, err := f.area(vfs.Held{Area: a, Name: "x"})
	if err != nil {
		return nil, err
	}
	out := make([]vfs.Info, 0, len(s.dir.kids))
	for name, n := range s.dir.kids {
		out = append(out, info(name, n))
	}
	slices.SortFunc(out, func(a, b vfs.Info) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return out, nil
}

// StageDir makes a directory.
func (f *Files) StageDir(h vfs.Held, m vfs.Meta) (index.Stamp, error) {
	return f.make("make directory", h, typeDir|0o700, "", m)
}

// StageLink makes a symlink.
func (f *Files) StageLink(h vfs.Held, target string, m vfs.Meta) (index.Stamp, error) {
	switch {
	case target == "":
		return index.Stamp{}, errors.New("make symlink: its target is empty")
	case strings.Contains(target, "\x00"):
		return index.Stamp{}, fmt.Errorf("make symlink: %w", syscall.EINVAL)
	case len(target) > 4095:
		return index.Stamp{}, fmt.Errorf("make symlink: %w", syscall.ENAMETOOLONG)
	}
	return f.make("make symlink", h, typeLink|0o777, target, m)
}

func (f *Files) make(op string, h vfs.Held, mode uint32, target string, m vfs.Meta) (stamp index.Stamp, err error) {
	err = f.doHeld(op, h, func(s spot) error {
		if _, err := s.node(); err == nil {
			return syscall.EEXIST
		}
		n := f.d.newNode(mode)
		n.target = target
		f.d.link(s.dir, s.leaf, n)
		stamp = f.d.dress(n, m)
		return nil
	})
	return stamp, err
}

// RenameHeld renames within the holding area.
func (f *Files) RenameHeld(from, to vfs.Held) error {
	return f.doHeld("rename", from, func(a spot) error {
		b, err := f.area(to)
		if err == nil {
			err = f.d.shift(a, b)
		}
		if err != nil {
			return fmt.Errorf("to %s/%s: %w", to.Area, to.Name, err)
		}
		return nil
	})
}

// RemoveHeld destroys.
func (f *Files) RemoveHeld(h vfs.Held) error {
	return f.doHeld("remove", h, func(s spot) error {
		n, err := s.node()
		if err != nil {
			return err
		}
		if h.Area == vfs.Kept && f.d.Removed != nil {
			for _, x := range append(below(nil, n, h.Name+"/"), thing(h.Name, n)) {
				f.d.Removed(x, n.arrived)
			}
		}
		f.d.remove(n)
		return nil
	})
}

// RmdirHeld removes a held directory that is empty.
func (f *Files) RmdirHeld(h vfs.Held) error {
	return f.doHeld("remove directory", h, f.d.rmdir)
}

func (d *Disk) rmdir(s spot) error {
	n, err := s.node()
	switch {
	case err != nil:
		return err
	case !n.isDir():
		return unlike(n)
	case len(n.kids) > 0:
		return syscall.ENOTEMPTY
	}
	d.unlink(n)
	return nil
}

// CopyHeld copies a held file.
func (f *Files) CopyHeld(from, to vfs.Held) error {
	if from == to {
		return errors.New("copy: onto itself")
	}
	return f.doHeld("copy", to, func(spot) error {
		a, err := f.area(from)
		if err != nil {
			return err
		}
		n, err := a.node()
		if err == nil && !n.isFile() {
			err = unlike(n)
		}
		if err != nil {
			return err
		}
		return f.copyTo(n, to)
	})
}

func (f *Files) copyTo(n *node, to vfs.Held) error {
	b, err := f.area(to)
	if err != nil {
		return err
	}
	out, err := f.d.create(b, to)
	if err != nil {
		return err
	}
	f.d.write(out, slices.Clone(n.data))
	return nil
}

// create makes an empty file in the holding area.
func (d *Disk) create(s spot, h vfs.Held) (*node, error) {
	if old, err := s.node(); err == nil {
		if h.Area != vfs.Stage || h.In != "" {
			return nil, syscall.EEXIST
		}
		d.remove(old)
	}
	n := d.newNode(typeFile | 0o600)
	d.link(s.dir, s.leaf, n)
	return n, nil
}

// Snapshot copies a file of the tree that does not change meanwhile.
func (f *Files) Snapshot(p index.Path, h vfs.Held) (index.Stamp, error) {
	// The door is told what the copy is for: several may begin at once.
	var n *node
	err := f.pass("open", string(p)+" for "+held(h))
	if err == nil {
		n, err = f.file(p)
	}
	if err != nil {
		return index.Stamp{}, fmt.Errorf("open %v: %w", p, err)
	}
	before := f.stat(n)
	if wait := f.d.fresh(before); wait > 0 {
		time.Sleep(wait)
		if before = f.stat(n); f.d.fresh(before) > 0 {
			return index.Stamp{}, fmt.Errorf("snapshot %v: %w", p, vfs.ErrChanged)
		}
	}
	if err := f.doHeld("snapshot", h, func(spot) error { return f.copyTo(n, h) }); err != nil {
		return index.Stamp{}, err
	}
	if err := f.pass("snapshot end", held(h)); err != nil {
		return index.Stamp{}, err
	}
	if f.stat(n) != before {
		return index.Stamp{}, errors.Join(fmt.Errorf("snapshot %v: %w", p, vfs.ErrChanged), f.RemoveHeld(h))
	}
	return before, nil
}

// file finds a file of the tree.
func (f *Files) file(p index.Path) (*node, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	s, err := f.spot(p)
	if err != nil {
		return nil, err
	}
	var c content
	err = c.open(s)
	return c.n, err
}

func (f *Files) stat(n *node) index.Stamp {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return n.stamp()
}
