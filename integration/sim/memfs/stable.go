package memfs

import (
	"bytes"
	"maps"
	"slices"
	"time"
)

// What a power failure takes. All that anybody does to a Disk, a user or the
// daemon, is in the page cache first, and is lost in part if the power fails
// before it was synced or written back:
//
//   - Names and metadata are a journal: what is lost of it is its tail, since
//     a journalling filesystem keeps the order of changes. An fsync of a file
//     takes that file's metadata out of it, ahead of its turn, and nothing
//     else: ext4 and XFS would write the journal up to there, but btrfs does
//     not, and POSIX promises less still. An fsync of a directory writes the
//     journal up to the last change of that directory.
//   - Contents are written back whenever the kernel likes. What is in a file
//     whose metadata survived may be all that was written, or what was there
//     at the last fsync, or a beginning, or zeros, or new blocks among old ones.
//     The metadata of a write goes out before its data: a file whose stamp is
//     the old one has the old content. (Kernels keep to that but for an
//     overwrite in place that is written back within the second before the
//     power fails. Nothing that looks at stamps can tell that.)
//   - What is older than writeback is on stable storage, whoever did it.
//
// The end of the daemon alone, Kill, takes nothing: what it was given, the
// kernel has.

// writeback is after how long the kernel has written everything back by
// itself: vm.dirty_expire_centisecs is 30 s.
const writeback = 30 * time.Second

// change is one step of the filesystem's journal: all of it survives a crash,
// or nothing.
type change struct {
	at    int64    // ns since 1970
	names []string // the paths that it made or took away
	dirs  []*node  // fsync of one of these puts it on stable storage
	meta  *node    // fsync of this file does, too
	undo  func()
}

// version is what was in a file from some time on.
type version struct {
	at   int64
	data []byte
}

// note takes down what was done now.
func (d *Disk) note(c change) {
	c.at = time.Now().UnixNano()
	d.pending = append(d.pending, c)
	if len(d.pending)%256 == 0 {
		d.age()
	}
}

// restamp gives n the ctime of a change of its name.
func (d *Disk) restamp(n *node) {
	was := n.ctime
	n.ctime = d.now()
	d.note(change{meta: n, undo: func() { n.ctime = was }})
}

// settle changes n's metadata by set.
func (d *Disk) settle(n *node, set func()) {
	mode, uid, gid, mtime, ctime := n.mode, n.uid, n.gid, n.mtime, n.ctime
	set()
	n.ctime = d.now()
	d.note(change{meta: n, undo: func() { n.mode, n.uid, n.gid, n.mtime, n.ctime = mode, uid, gid, mtime, ctime }})
	d.changed(n)
}

// write changes n's content. data belongs to the node from here on, and is
// never written to again.
func (d *Disk) write(n *node, data []byte) {
	was, mtime, ctime := n.data, n.mtime, n.ctime
	n.data = data
	n.mtime = d.now()
	n.ctime = n.mtime
	n.drafts = append(n.drafts, version{time.Now().UnixNano(), data})
	d.dirty[n] = true
	d.note(change{meta: n, undo: func() { n.data, n.mtime, n.ctime = was, mtime, ctime }})
	d.changed(n)
}

// syncFile is fsync of a file.
func (d *Disk) syncFile(n *node) {
	n.synced, n.drafts = n.data, nil
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

// Sync is sync(2): it puts everything on stable storage.
func (d *Disk) Sync() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pending = nil
	for n := range d.dirty {
		d.syncFile(n)
	}
}

// age is what the kernel has written back by itself.
func (d *Disk) age() {
	old := time.Now().Add(-writeback).UnixNano()
	k := slices.IndexFunc(d.pending, func(c change) bool { return c.at > old })
	if k < 0 {
		k = len(d.pending)
	}
	d.pending = slices.Delete(d.pending, 0, k)
	for n := range d.dirty {
		for len(n.drafts) > 0 && n.drafts[0].at <= old {
			n.synced = n.drafts[0].data
			n.drafts = n.drafts[1:]
		}
		if len(n.drafts) == 0 {
			delete(d.dirty, n)
		}
	}
}

// Lost is what a power failure took.
type Lost struct {
	Names    int   // changes of names and metadata
	Contents int   // files whose content was not synced
	From     int64 // when the first of these changes was made, ns since 1970; 0 if there is none
	// Before and After are the tree, in the instant before and in the instant
	// after; Held is the holding area before.
	Before, After, Held []Thing
	Loose               []Loose // before
}

// Crash is a power failure. draw returns a number below n.
func (d *Disk) Crash(draw func(n int) int) (lost Lost) {
	d.mu.Lock()
	defer d.mu.Unlock()
	lost.Before, lost.Held = below(nil, d.root, ""), below(below(nil, d.areas["stage"], ""), d.areas["kept"], "")
	lost.Loose = d.loose()
	defer func() { lost.After = below(nil, d.root, "") }()
	clear(d.watchers)
	clear(d.writing)
	clear(d.drafts)
	d.boots++
	keep := draw(len(d.pending) + 1)
	if lost.Names = len(d.pending) - keep; lost.Names > 0 {
		lost.From = d.pending[keep].at
	}
	for i := len(d.pending) - 1; i >= keep; i-- {
		d.pending[i].undo()
	}
	d.pending = nil
	byIno := func(a, b *node) int { return int(a.ino) - int(b.ino) }
	for _, n := range slices.SortedFunc(maps.Keys(d.dirty), byIno) {
		if !bytes.Equal(n.data, n.synced) { // else its writes were undone, or it is as before
			lost.Contents++
			n.data = n.left(draw)
		}
		n.synced, n.drafts = n.data, nil
	}
	clear(d.dirty)
	return lost
}

// EachCrash calls run with all that can be drawn for Crash, one after the other:
// run has to do the same each time until it draws.
func EachCrash(run func(draw func(n int) int)) {
	var drawn, limits []int
	for {
		k := 0
		run(func(n int) int {
			if k == len(drawn) {
				drawn, limits = append(drawn, 0), append(limits, n)
			}
			limits[k] = n
			k++
			return drawn[k-1]
		})
		for k--; k >= 0 && drawn[k] == limits[k]-1; k-- {
		}
		if k < 0 {
			return
		}
		drawn, limits = drawn[:k+1], limits[:k+1]
		drawn[k]++
	}
}

// left is what a power failure leaves of a content that was not synced.
func (n *node) left(draw func(n int) int) []byte {
	switch draw(5) {
	case 0: // all of it was written back
		return n.data
	case 1:
		return n.synced
	case 2:
		return n.data[:draw(len(n.data)+1)]
	case 3: // the length, but not the blocks
		return make([]byte, len(n.data))
	}
	mixed := slices.Clone(n.data)
	k := draw(len(n.data) + 1)
	clear(mixed[k:])
	copy(mixed[k:], n.synced[min(k, len(n.synced)):])
	return mixed
}

// Kill is the end of the daemon: the kernel has all that it was given, and
// still has to write it back.
func (d *Disk) Kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.watchers)
	clear(d.drafts)
}

// Loose is something in the tree, or among the kept versions, that a power
// failure could take back now.
type Loose struct {
	Path string
	What string // "name", "metadata" or "content"
	Ino  uint64 // of what has metadata or content
	At   int64  // when it was done, ns since 1970
}

// Loose lists all there is.
func (d *Disk) Loose() []Loose {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.loose()
}

func (d *Disk) loose() (out []Loose) {
	d.age()
	for _, c := range d.pending {
		for _, name := range c.names {
			out = append(out, Loose{name, "name", 0, c.at})
		}
		if c.meta != nil {
			for _, name := range d.paths(c.meta) {
				out = append(out, Loose{name, "metadata", c.meta.ino, c.at})
			}
		}
	}
	for n := range d.dirty {
		for _, name := range d.paths(n) {
			// Who has a kept file open may go on writing to it.
			if n.parent != d.areas["kept"] || n.drafts[0].at <= n.shelved {
				out = append(out, Loose{name, "content", n.ino, n.drafts[0].at})
			}
		}
	}
	return out
}

// paths is the path of n, or nothing if it is neither in the tree nor among the
// kept versions, whose paths begin with KeptPath.
func (d *Disk) paths(n *node) []string {
	path, kept := "", d.areas["kept"]
	for ; n != nil && n != d.root && n != kept; n = n.parent {
		path = n.name + "/" + path
	}
	if n == nil || path == "" {
		return nil
	}
	path = path[:len(path)-1]
	if n == kept {
		path = KeptPath + path
	}
	return []string{path}
}

// KeptPath begins the path of a kept version. No path of the tree does.
const KeptPath = "/kept/"
