// Package memfs is a share's filesystem in memory, for the simulator: the
// tree and the holding area of one host, with what a real disk does to them.
// What was not synced is lost in a crash, and a watcher hears of changes late,
// merged, or not at all.
//
// It is held against the same contract as the real scan/vfs.
package memfs

import (
	"maps"
	"slices"
	"sync"
	"syscall"
	"time"

	"duet/store/index"
)

// Type bits of a mode, from inode(7).
const (
	typeMask = 0o170000
	typeFile = 0o100000
	typeDir  = 0o040000
	typeLink = 0o120000
	typeFifo = 0o010000
)

// Disk is one filesystem: a root, and a holding area beside it.
type Disk struct {
	// Clock is the host's clock; nil: time.Now.
	Clock func() time.Time
	// Tick is how coarsely the kernel stamps files.
	Tick time.Duration
	// Leases says whether it can be told that a file is open for writing.
	Leases bool

	mu       sync.Mutex // never held while anything waits
	last     uint64     // inode number given last
	root     *node
	areas    map[string]*node
	pending  []change // of names and metadata, not on stable storage yet, in order
	dirty    map[*node]bool
	watchers map[*Watcher]bool
}

// node is an inode. It has one name: there are no hard links.
type node struct {
	ino      uint64
	mode     uint32
	uid, gid uint32
	mtime    int64
	ctime    int64
	data     []byte
	synced   []byte // data as of the last fsync; nil if there was none
	target   string
	kids     map[string]*node
	parent   *node
	name     string
	writers  int
}

// change is one step of the filesystem's journal: all of it survives a crash,
// or nothing. A journalling filesystem keeps their order.
type change struct {
	dirs []*node // fsync of one of these puts it on stable storage
	meta *node   // fsync of this file does, too
	undo func()
}

// New returns an empty filesystem.
func New() *Disk {
	d := &Disk{Leases: true, dirty: map[*node]bool{}, watchers: map[*Watcher]bool{}}
	d.root = d.newNode(typeDir | 0o755)
	d.areas = map[string]*node{"stage": d.newNode(typeDir | 0o700), "kept": d.newNode(typeDir | 0o700)}
	return d
}

// now is the time as the kernel stamps it.
func (d *Disk) now() int64 {
	t := d.clock().UnixNano()
	if d.Tick > 0 {
		t -= t % int64(d.Tick)
	}
	return t
}

func (d *Disk) clock() time.Time {
	if d.Clock == nil {
		return time.Now()
	}
	return d.Clock()
}

func (d *Disk) newNode(mode uint32) *node {
	d.last++
	t := d.now()
	n := &node{ino: d.last, mode: mode, mtime: t, ctime: t}
	if n.isDir() {
		n.kids = map[string]*node{}
	}
	return n
}

func (n *node) isDir() bool  { return n.mode&typeMask == typeDir }
func (n *node) isFile() bool { return n.mode&typeMask == typeFile }

func (n *node) stamp() index.Stamp {
	s := index.Stamp{Ino: n.ino, Mode: n.mode, UID: n.uid, GID: n.gid}
	if n.isDir() {
		return s
	}
	s.Size, s.ModTime, s.Ctime = int64(len(n.data)), n.mtime, n.ctime
	if n.mode&typeMask == typeLink {
		s.Mode, s.Size = typeLink|0o777, int64(len(n.target))
	}
	if s.ModTime == 0 {
		s.ModTime = 1
	}
	return s
}

// link gives n a name. Every change of names goes through link, unlink, rename
// and exchange.
func (d *Disk) link(dir *node, name string, n *node) {
	d.attach(dir, name, n)
	d.note(change{dirs: []*node{dir, n}, undo: func() { d.detach(n) }})
	d.tell(dir, name, appeared, n.isDir())
}

func (d *Disk) unlink(n *node) {
	dir, name := n.parent, n.name
	d.detach(n)
	d.note(change{dirs: []*node{dir}, undo: func() { d.attach(dir, name, n) }})
	d.tell(dir, name, left, n.isDir())
}

// rename moves n to a free name.
func (d *Disk) rename(n *node, dir *node, name string) {
	from, was := n.parent, n.name
	ctime := n.ctime
	d.detach(n)
	d.attach(dir, name, n)
	n.ctime = d.now()
	d.note(change{dirs: []*node{from, dir}, undo: func() {
		d.detach(n)
		d.attach(from, was, n)
		n.ctime = ctime
	}})
	d.tell(from, was, left, n.isDir())
	d.tell(dir, name, appeared, n.isDir())
}

// replace moves n to a name that is taken; what had it is gone.
func (d *Disk) replace(n *node, old *node) {
	from, was, dir, name := n.parent, n.name, old.parent, old.name
	d.detach(old)
	d.detach(n)
	d.attach(dir, name, n)
	n.ctime = d.now()
	d.note(change{dirs: []*node{from, dir}, undo: func() {
		d.detach(n)
		d.attach(from, was, n)
		d.attach(dir, name, old)
	}})
	d.tell(from, was, left, n.isDir())
	d.tell(dir, name, appeared, n.isDir())
}

func (d *Disk) exchange(a, b *node) {
	swap := func() {
		da, na, db, nb := a.parent, a.name, b.parent, b.name
		d.detach(a)
		d.detach(b)
		d.attach(da, na, b)
		d.attach(db, nb, a)
	}
	swap()
	a.ctime, b.ctime = d.now(), d.now()
	d.note(change{dirs: []*node{a.parent, b.parent}, undo: swap})
	for _, n := range []*node{a, b} {
		d.tell(n.parent, n.name, left, n.isDir())
		d.tell(n.parent, n.name, appeared, n.isDir())
	}
}

func (d *Disk) attach(dir *node, name string, n *node) {
	dir.kids[name] = n
	n.parent, n.name = dir, name
}

func (d *Disk) detach(n *node) {
	delete(n.parent.kids, n.name)
	n.parent = nil
}

func (d *Disk) note(c change) { d.pending = append(d.pending, c) }

// settle changes n's metadata by set.
func (d *Disk) settle(n *node, set func()) {
	mode, uid, gid, mtime, ctime := n.mode, n.uid, n.gid, n.mtime, n.ctime
	set()
	n.ctime = d.now()
	d.note(change{meta: n, undo: func() { n.mode, n.uid, n.gid, n.mtime, n.ctime = mode, uid, gid, mtime, ctime }})
	d.changed(n)
}

// write changes n's content.
func (d *Disk) write(n *node, data []byte) {
	n.data = data
	n.mtime = d.now()
	n.ctime = n.mtime
	d.dirty[n] = true
	d.changed(n)
}

func (d *Disk) changed(n *node) {
	if n.parent != nil {
		d.tell(n.parent, n.name, modified, n.isDir())
	}
}

// syncFile is fsync of a file.
func (d *Disk) syncFile(n *node) {
	n.synced = slices.Clone(n.data)
	if n.synced == nil {
		n.synced = []byte{}
	}
	delete(d.dirty, n)
	d.pending = slices.DeleteFunc(d.pending, func(c change) bool { return c.meta == n })
}

// syncDirs is fsync of directories: what was done to them is on stable
// storage, and whatever came before it. A symlink cannot be synced by itself;
// its times are taken to go with its directory.
func (d *Disk) syncDirs(dirs map[*node]bool) {
	for i := len(d.pending) - 1; i >= 0; i-- {
		c := d.pending[i]
		if slices.ContainsFunc(c.dirs, func(n *node) bool { return dirs[n] }) ||
			c.meta != nil && (dirs[c.meta] || !c.meta.isFile() && dirs[c.meta.parent]) {
			d.pending = slices.Delete(d.pending, 0, i+1)
			return
		}
	}
}

// sync puts everything on stable storage.
func (d *Disk) sync() {
	d.pending = nil
	for n := range d.dirty {
		d.syncFile(n)
	}
}

// Crash is a power failure: of what was not on stable storage, a first part of
// the changes of names survives, and any part of contents. draw returns a
// number below n. It returns how much was lost.
func (d *Disk) Crash(draw func(n int) int) (names, contents int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.watchers)
	keep := draw(len(d.pending) + 1)
	names = len(d.pending) - keep
	for i := len(d.pending) - 1; i >= keep; i-- {
		d.pending[i].undo()
	}
	d.pending = nil
	byIno := func(a, b *node) int { return int(a.ino) - int(b.ino) }
	for _, n := range slices.SortedFunc(maps.Keys(d.dirty), byIno) {
		n.writers = 0
		contents++
		switch draw(4) {
		case 0: // all of it was written back
		case 1:
			n.data = slices.Clone(n.synced)
		case 2:
			n.data = n.data[:draw(len(n.data)+1)]
		case 3: // the length, but not the blocks
			n.data = make([]byte, len(n.data))
		}
		n.synced = slices.Clone(n.data)
	}
	clear(d.dirty)
	return names, contents
}

// Kill is the end of the daemon: the kernel has all that it was given.
func (d *Disk) Kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.watchers)
	d.sync()
}

// at returns what is at the slash-separated names below dir.
func at(dir *node, names []string) (*node, error) {
	n := dir
	for i, name := range names {
		if !n.isDir() {
			return nil, syscall.ENOENT
		}
		kid := n.kids[name]
		if kid == nil || i < len(names)-1 && !kid.isDir() {
			return nil, syscall.ENOENT
		}
		n = kid
	}
	return n, nil
}
