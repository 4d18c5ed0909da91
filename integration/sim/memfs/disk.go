// Package memfs is a share's filesystem in memory, for the simulator: the
// tree and the holding area of one host, with what a real disk does to them.
// What was not synced is lost in a crash, and a watcher hears of changes late,
// merged, or not at all.
//
// It is held against the same contract as the real scan/vfs.
package memfs

import (
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

	// Removed is told of what the daemon removes from among the kept versions,
	// and since when it was there, if it is not nil. It must not use the disk.
	Removed func(x Thing, since int64)

	mu       sync.Mutex // never held while anything waits
	last     uint64     // inode number given last
	root     *node
	areas    map[string]*node
	pending  []change        // of names and metadata, not on stable storage yet, in order
	dirty    map[*node]bool  // their contents are not on stable storage yet
	writing  map[*node]int   // people's processes that have them open for writing
	drafts   map[*draft]bool // that the daemon has open
	boots    int             // power failures so far
	claims   map[string][]claim
	watchers map[*Watcher]bool
}

// node is an inode. It has one name: there are no hard links.
type node struct {
	ino      uint64
	mode     uint32
	uid, gid uint32
	mtime    int64
	ctime    int64
	arrived  int64 // among the kept versions, by the host's clock
	shelved  int64 // the same in truth, or when it was last looked at in the stage before that
	looked   int64 // when that was
	data     []byte
	synced   []byte    // what of data is on stable storage; nil if nothing is
	drafts   []version // what data was since then, the last is data
	target   string
	kids     map[string]*node
	parent   *node
	name     string
	last     *node // the directory of the last name; n.name is that
	touched  bool  // people made or changed it
}

// New returns an empty filesystem.
func New() *Disk {
	d := &Disk{
		Leases: true, dirty: map[*node]bool{}, writing: map[*node]int{}, drafts: map[*draft]bool{}, claims: map[string][]claim{},
		watchers: map[*Watcher]bool{},
	}
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
	d.arrive(n)
	d.note(change{names: d.paths(n), dirs: []*node{dir, n}, undo: func() { d.detach(n) }})
	d.tell(dir, name, appeared, n.isDir())
}

// remove removes n and all that is in it.
func (d *Disk) remove(n *node) {
	for _, name := range sortedNames(n) {
		d.remove(n.kids[name])
	}
	d.unlink(n)
}

func (d *Disk) unlink(n *node) {
	dir, name, was := n.parent, n.name, d.paths(n)
	d.detach(n)
	d.note(change{names: was, dirs: []*node{dir}, undo: func() { d.attach(dir, name, n) }})
	d.tell(dir, name, left, n.isDir())
}

// rename moves n to a free name.
func (d *Disk) rename(n *node, dir *node, name string) {
	from, was, names := n.parent, n.name, d.paths(n)
	d.restamp(n)
	d.detach(n)
	d.attach(dir, name, n)
	d.arrive(n)
	d.note(change{names: append(names, d.paths(n)...), dirs: []*node{from, dir}, undo: func() {
		d.detach(n)
		d.attach(from, was, n)
	}})
	d.tell(from, was, left, n.isDir())
	d.tell(dir, name, appeared, n.isDir())
}

// replace moves n to a name that is taken; what had it is gone.
func (d *Disk) replace(n *node, old *node) {
	from, was, dir, name := n.parent, n.name, old.parent, old.name
	names := append(d.paths(n), d.paths(old)...)
	d.restamp(n)
	d.detach(old)
	d.detach(n)
	d.attach(dir, name, n)
	d.note(change{names: names, dirs: []*node{from, dir}, undo: func() {
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
	d.restamp(a)
	d.restamp(b)
	swap()
	d.note(change{names: append(d.paths(a), d.paths(b)...), dirs: []*node{a.parent, b.parent}, undo: swap})
	for _, n := range []*node{a, b} {
		d.tell(n.parent, n.name, left, n.isDir())
		d.tell(n.parent, n.name, appeared, n.isDir())
	}
}

func (d *Disk) attach(dir *node, name string, n *node) {
	dir.kids[name] = n
	n.parent, n.last, n.name = dir, dir, name
}

func (d *Disk) detach(n *node) {
	delete(n.parent.kids, n.name)
	n.parent = nil
}

func (d *Disk) arrive(n *node) {
	switch n.parent {
	case d.areas["kept"]:
		n.arrived, n.shelved = d.now(), time.Now().UnixNano()
		if n.looked > 0 { // whoever has it open may have written to it since
			n.shelved = n.looked
		}
	case d.areas["stage"]:
	default:
		n.looked = 0
	}
}

// busy reports whether a process has n open for writing.
func (d *Disk) busy(n *node) bool {
	for x := range d.drafts {
		if x.n == n {
			return true
		}
	}
	return d.writing[n] > 0
}

func (d *Disk) changed(n *node) {
	if n.parent != nil {
		d.tell(n.parent, n.name, modified, n.isDir())
	}
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
