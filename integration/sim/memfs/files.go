package memfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"duet/scan"
	"duet/scan/vfs"
	"duet/store/index"
)

// Door stands before every operation: it may take its time, and may refuse.
type Door func(op, path string) error

// Files is the vfs.Files of a Disk.
type Files struct {
	d      *Disk
	door   Door
	root   *node
	closed atomic.Bool
}

var _ vfs.Files = (*Files)(nil)

// Open opens the filesystem for one life of a node.
func (d *Disk) Open(door Door) *Files {
	if door == nil {
		door = func(string, string) error { return nil }
	}
	return &Files{d: d, door: door, root: d.root}
}

func (f *Files) identity(n *node) index.Identity { return index.Identity{Dev: 1, Fsid: 7, Ino: n.ino} }

// Identity is that of the root.
func (f *Files) Identity() (index.Identity, error) {
	if err := f.pass("identity", ""); err != nil {
		return index.Identity{}, err
	}
	return f.identity(f.root), nil
}

// Opened is that of the root.
func (f *Files) Opened() index.Identity { return f.identity(f.root) }

func (f *Files) pass(op, what string) error {
	if err := f.door(op, what); err != nil {
		return err
	}
	if f.closed.Load() {
		return os.ErrClosed
	}
	return nil
}

// spot is where an operation acts.
type spot struct {
	dir  *node
	leaf string
}

func (s spot) node() (*node, error) {
	if n := s.dir.kids[s.leaf]; n != nil {
		return n, nil
	}
	return nil, syscall.ENOENT
}

func (f *Files) spot(p index.Path) (spot, error) {
	if _, err := index.ParsePath(string(p)); err != nil {
		return spot{}, err
	}
	if f.root.parent == nil && f.root != f.d.root {
		return spot{}, errors.New("the root directory was removed")
	}
	names := strings.Split(string(p), "/")
	dir, err := at(f.root, names[:len(names)-1])
	if err == nil && !dir.isDir() {
		err = syscall.ENOENT
	}
	return spot{dir, names[len(names)-1]}, err
}

func (f *Files) area(h vfs.Held) (spot, error) {
	if strings.Contains(h.Name, "/") {
		return spot{}, fmt.Errorf("name %q has a slash", h.Name)
	}
	if _, err := index.ParsePath(h.Name); err != nil {
		return spot{}, err
	}
	dir := f.d.areas[string(h.Area)]
	if dir == nil {
		return spot{}, fmt.Errorf("no area %q", h.Area)
	}
	if h.In == "" {
		return spot{dir, h.Name}, nil
	}
	if h.Area != vfs.Stage {
		return spot{}, fmt.Errorf("%s has no directories to be placed", h.Area)
	}
	in, err := f.area(vfs.Held{Area: h.Area, Name: h.In})
	if err != nil {
		return spot{}, err
	}
	switch dir, err := in.node(); {
	case err != nil:
		return spot{}, err
	case !dir.isDir():
		return spot{}, syscall.ENOTDIR
	default:
		return spot{dir, h.Name}, nil
	}
}

// held is what a Door is told of a name in the holding area.
func held(h vfs.Held) string {
	if strings.HasSuffix(h.Name, scan.SnapshotSuffix) {
		h.Name = scan.SnapshotSuffix // the rest is random
	}
	if h.In != "" {
		h.Name = h.In + "/" + h.Name
	}
	return "<" + string(h.Area) + ">" + h.Name
}

// do runs fn where p is, behind the door and under the lock.
func (f *Files) do(op string, p index.Path, fn func(spot) error) error {
	err := f.pass(op, string(p))
	if err == nil {
		f.d.mu.Lock()
		defer f.d.mu.Unlock()
		var s spot
		if s, err = f.spot(p); err == nil {
			err = fn(s)
		}
	}
	if err != nil {
		return fmt.Errorf("%s %v: %w", op, p, err)
	}
	return nil
}

// doHeld runs fn where h is.
func (f *Files) doHeld(op string, h vfs.Held, fn func(spot) error) error {
	err := f.pass(op, held(h))
	if err == nil {
		f.d.mu.Lock()
		defer f.d.mu.Unlock()
		var s spot
		if s, err = f.area(h); err == nil {
			err = fn(s)
		}
	}
	if err != nil {
		return fmt.Errorf("%s %s/%s: %w", op, h.Area, h.Name, err)
	}
	return nil
}

func info(name string, n *node) vfs.Info {
	t := vfs.Special
	switch n.mode & typeMask {
	case typeFile:
		t = vfs.Regular
	case typeDir:
		t = vfs.Directory
	case typeLink:
		t = vfs.Link
	}
	return vfs.Info{Name: name, Type: t, Stamp: n.stamp()}
}

func unlike(n *node) error {
	if n.mode&typeMask == typeFifo {
		return vfs.ErrSpecial
	}
	return vfs.ErrChanged
}

// Lstat looks at a path.
func (f *Files) Lstat(p index.Path) (out vfs.Info, err error) {
	if p == index.Root {
		err = f.pass("lstat", "")
		return info("", f.root), err
	}
	err = f.do("lstat", p, func(s spot) error {
		n, err := s.node()
		if err == nil {
			out = info(s.leaf, n)
		}
		return err
	})
	return out, err
}

// Readlink returns what a symlink says.
func (f *Files) Readlink(p index.Path) (target string, err error) {
	err = f.do("readlink", p, func(s spot) (err error) {
		target, err = readlink(s)
		return err
	})
	return target, err
}

func readlink(s spot) (string, error) {
	n, err := s.node()
	if err == nil && n.mode&typeMask != typeLink {
		err = unlike(n)
	}
	if err != nil {
		return "", err
	}
	return n.target, nil
}

// SetMeta sets metadata.
func (f *Files) SetMeta(p index.Path, m vfs.Meta, expect index.Stamp) (stamp index.Stamp, err error) {
	err = f.do("set metadata", p, func(s spot) error {
		n, err := s.node()
		switch {
		case err != nil:
			return err
		case n.mode&typeMask == typeFifo:
			return vfs.ErrSpecial
		case !n.stamp().SameBytes(expect):
			return vfs.ErrChanged
		case n.isFile() && m.ModTime != 0 && m.ModTime != n.stamp().ModTime && f.d.busy(n) && f.d.Leases:
			return vfs.ErrBusy
		}
		stamp = f.d.dress(n, m)
		return nil
	})
	return stamp, err
}

// dress sets what is not as it should be already.
func (d *Disk) dress(n *node, m vfs.Meta) index.Stamp {
	now := n.stamp()
	chmod := n.mode&typeMask != typeLink && now.Mode&0o7777 != m.Mode&0o7777
	touch := !n.isDir() && m.ModTime != 0 && m.ModTime != now.ModTime
	own := m.UID >= 0 && uint32(m.UID) != n.uid || m.GID >= 0 && uint32(m.GID) != n.gid
	if !chmod && !touch && !own {
		return now
	}
	d.settle(n, func() {
		if chmod {
			n.mode = n.mode&typeMask | m.Mode&0o7777
		}
		if touch {
			n.mtime = m.ModTime
		}
		if m.UID >= 0 {
			n.uid = uint32(m.UID)
		}
		if m.GID >= 0 {
			n.gid = uint32(m.GID)
		}
	})
	return n.stamp()
}

// SyncDirs puts names on stable storage.
func (f *Files) SyncDirs(dirs []index.Path) error {
	if err := f.pass("sync", ""); err != nil {
		return err
	}
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	nodes := map[*node]bool{f.d.areas["stage"]: true, f.d.areas["kept"]: true}
	for _, p := range dirs {
		if p == index.Root {
			nodes[f.root] = true
			continue
		}
		s, err := f.spot(p)
		if err == nil {
			if n, e := s.node(); e == nil {
				nodes[n] = true
			}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("sync directory %v: %w", p, err)
		}
	}
	f.d.syncDirs(nodes)
	return nil
}

// Free returns plenty.
func (f *Files) Free() (int64, error) { return 1 << 40, f.pass("free", "") }

// Capacity returns twice that.
func (f *Files) Capacity() (int64, error) { return 1 << 41, f.pass("capacity", "") }

// Close closes.
func (f *Files) Close() error {
	f.closed.Store(true)
	return nil
}

// Inside opens a held directory as a tree of its own.
func (f *Files) Inside(h vfs.Held) (vfs.Files, error) {
	in := &Files{d: f.d, door: f.door}
	err := f.doHeld("open directory", h, func(s spot) error {
		n, err := s.node()
		if err == nil && !n.isDir() {
			err = unlike(n)
		}
		in.root = n
		return err
	})
	if err != nil {
		return nil, err
	}
	return in, nil
}

// tick is as in scan/vfs.
const tick = 10 * time.Millisecond

func (d *Disk) fresh(s index.Stamp) time.Duration {
	age := d.clock().Sub(time.Unix(0, s.Ctime))
	if age < 0 || age > tick {
		return 0
	}
	return tick - age + time.Millisecond
}

// OpenDir opens a directory.
func (f *Files) OpenDir(p index.Path) (vfs.Dir, error) {
	if p == index.Root {
		if err := f.pass("open directory", ""); err != nil {
			return nil, err
		}
		return &dir{f, p, f.root}, nil
	}
	var n *node
	err := f.do("open directory", p, func(s spot) (err error) {
		if n, err = s.node(); err == nil && !n.isDir() {
			err = vfs.ErrChanged
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &dir{f, p, n}, nil
}

type dir struct {
	f    *Files
	path index.Path
	n    *node
}

func (x *dir) Names() ([]string, error) {
	if err := x.f.door("list", string(x.path)); err != nil {
		return nil, fmt.Errorf("list %v: %w", x.path, err)
	}
	x.f.d.mu.Lock()
	defer x.f.d.mu.Unlock()
	names := make([]string, 0, len(x.n.kids))
	for name := range x.n.kids {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

func (x *dir) Changed() (int64, error) {
	if err := x.f.door("lstat", string(x.path)); err != nil {
		return 0, fmt.Errorf("lstat %v: %w", x.path, err)
	}
	x.f.d.mu.Lock()
	defer x.f.d.mu.Unlock()
	return x.n.ctime, nil
}

func (x *dir) Lstat(name string) (vfs.Info, error) {
	p := index.Path(name)
	if x.path != index.Root {
		p = x.path + "/" + p
	}
	err := x.f.door("lstat", string(p))
	if err == nil && strings.Contains(name, "/") {
		err = errors.New("more than one name")
	}
	if err == nil {
		_, err = index.ParsePath(name)
	}
	if err != nil {
		return vfs.Info{}, fmt.Errorf("lstat %v: %w", p, err)
	}
	x.f.d.mu.Lock()
	defer x.f.d.mu.Unlock()
	n, err := (spot{x.n, name}).node()
	if err != nil {
		return vfs.Info{}, fmt.Errorf("lstat %v: %w", p, err)
	}
	return info(name, n), nil
}

func (x *dir) Close() error { return nil }
