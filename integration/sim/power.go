package sim

import (
	"slices"
	"strings"

	"duet/integration/sim/memfs"
	"duet/scan"
	"duet/store"
	"duet/store/index"
)

// What a power failure does to the books.
//
// Users do not sync what they do, or seldom. If the power fails, some of it is
// gone, and some files are what nobody ever made of them. What of that is to
// be held against Duet? Only what its index said before: from the instant in
// which the index says that something is at a path, or that nothing is, the
// disk has to say so after every power failure, because from then on the peer
// may be told, and what the crash leaves would count as a newer edit. Of what
// was not in the index yet nothing was promised to anybody.
//
// So in the instant of the failure:
//
//   - Held against what the index says, once it is known what that is: no
//     change from before the daemon found a path as it says may be loose any
//     more (see memfs.Loose). That is asked whether or not the failure took the
//     change: luck is no excuse.
//   - A content that is nowhere on the disk any more is excused if the index
//     did not have it. One that is in the tree again is not ended any more.
//   - Where the path is as it was at an earlier time, the edits that the failure
//     took never happened, unless the index had them: nobody can have seen
//     them, but whoever made them had superseded what is there now.
//   - Where the path is something that nobody made, as half a file, the power
//     failure made it: an edit on that node, in knowledge of what it was made
//     from. Like any other it may not be lost, and may not come back once
//     somebody has superseded it.
//
// A commit may be under way in that instant, and what it says is known only
// when the daemon is down. Until then there is an outage, which settles what
// depends on it.

// outage is a power failure or a kill that is not in the books yet.
type outage struct {
	power bool
	lost  memfs.Lost // of a kill: only what is loose
	edits int        // so many had been made
}

// fell notes the end of a life.
func (l *ledger) fell(n *node, o outage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o.edits = l.edits
	n.outages = append(n.outages, o)
	if !o.power {
		return
	}
	was, is := byPath(o.lost.Before), byPath(o.lost.After)
	for _, x := range o.lost.After {
		y, there := was[x.Path]
		if x.Dir() || there && state(x) == state(y) {
			continue
		}
		l.write(n, worth(x), "a power failure of "+n.name+" at "+x.Path)
		if l.made(x.Path, state(x)) {
			continue
		}
		l.w.Trace.say(n.name, "the power failure makes %v", x)
		if there {
			l.edit(n, x.Path, &y, &x)
		} else {
			l.edit(n, x.Path, nil, &x)
		}
	}
	for _, x := range o.lost.Before {
		if y, there := is[x.Path]; !x.Dir() && (!there || state(x) != state(y)) {
			l.w.Trace.say(n.name, "the power failure takes %v", x)
		}
	}
}

// made reports whether somebody made this state of a path.
func (l *ledger) made(path, state string) bool {
	return slices.ContainsFunc(l.paths[path], func(e *edit) bool { return e.state == state })
}

// account settles what was open about the crashes of a node, whose index says
// now what it said when the last of them happened.
func (l *ledger) account(n *node, view func(func(*store.Tx) error) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(n.outages) == 0 {
		return
	}
	b, err := readBooks(n, view)
	if err != nil {
		l.w.fault("%s: read the index: %v", n.name, err)
		return
	}
	for _, o := range n.outages {
		l.promised(n, b, o.lost)
		if o.power {
			l.excuse(n, b, o.lost)
			l.strike(n, b, o)
		}
	}
	n.outages = nil
}

// promised holds what could have been lost against what the index says.
func (l *ledger) promised(n *node, b *books, lost memfs.Lost) {
	for _, x := range lost.Loose {
		if held, kept := strings.CutPrefix(x.Path, memfs.KeptPath); kept && b.keeps(held) && x.What != "metadata" &&
			!(x.What == "content" && b.writtenOn(n, held, lost)) {
			l.w.fault("not on stable storage: the %s of the kept version %s on %s; it was changed at %.6f",
				x.What, held, n.name, l.w.Trace.since(x.At))
		}
		entry := b.found[x.Path]
		if entry == nil || x.What != "name" && (!entry.Live() || !b.isOf(x)) {
			continue
		}
		at, ok := b.looked(n, x.Path)
		switch {
		case !ok:
			l.w.fault("not on stable storage: the %s of %s on %s, which its index has as %v", x.What, x.Path, n.name, entry.Kind)
		case x.At < at:
			l.w.fault("not on stable storage: the %s of %s on %s, which its index has as %v; it was changed at %.6f and synced at %.6f",
				x.What, x.Path, n.name, entry.Kind, l.w.Trace.since(x.At), l.w.Trace.since(at))
		}
	}
}

// excuse takes out of the books what was lost and never promised. What a user
// had under his hands and is in the stage only now is where an install that the
// failure undid had taken it from, and is a copy.
func (l *ledger) excuse(n *node, b *books, lost memfs.Lost) {
	have, displaced := map[string]bool{}, map[string]bool{}
	for _, x := range slices.Concat(lost.After, n.disk.Tree(), n.disk.Area("kept")) {
		have[worth(x)] = true
	}
	for _, x := range lost.Held {
		displaced[worth(x)] = true
	}
	for _, x := range n.disk.Area("stage") {
		c := worth(x)
		have[c] = have[c] || displaced[c]
	}
	for _, x := range slices.Concat(lost.Before, lost.Held) {
		c := worth(x)
		if c == "" || have[c] || l.ended[c] || l.by[c] != n.name || b.has(x) {
			continue
		}
		l.ended[c] = true
		l.w.Trace.say(n.name, "excused: %s, which was at %s", short(c), x.Path)
	}
}

// strike takes out of the books the edits that a power failure undid: those
// after the last one that made of the path what it was then.
func (l *ledger) strike(n *node, b *books, o outage) {
	if o.lost.From == 0 {
		return
	}
	was, is := byPath(o.lost.Before), byPath(o.lost.After)
	for path, edits := range l.paths {
		now := stateAt(is, path)
		if now == stateAt(was, path) {
			continue
		}
		survived := -1
		for i, e := range edits {
			if e.n < o.edits && e.state == now {
				survived = i
			}
		}
		l.paths[path] = slices.DeleteFunc(slices.Clone(edits), func(e *edit) bool {
			undone := e.n < o.edits && e.node == n.name && e.at >= o.lost.From &&
				!slices.Contains(edits[:survived+1], e) && !b.knows(n, path, e)
			if undone {
				l.w.Trace.say(n.name, "never happened: %s becomes %s (edit %d)", path, e.state, e.n)
			}
			return undone
		})
	}
}

func stateAt(things map[string]memfs.Thing, path string) string {
	if x, ok := things[path]; ok {
		return state(x)
	}
	return gone
}

// books is what the index of a node says.
type books struct {
	records map[string]*index.Record
	found   map[string]*index.Entry // what the daemon found itself, if nothing else was said of the path since
	kept    map[index.Hash]bool
	held    map[string]index.Hash // of the files that are kept, by name
}

// keeps reports whether the index has a file as kept.
func (b *books) keeps(held string) bool { return b.held[held] != index.Hash{} }

// writtenOn reports whether somebody who had a kept file open for writing wrote
// on to it after the index had it. What was promised is what the index has: what
// the failure left is that, or that and what was written on.
func (b *books) writtenOn(n *node, held string, lost memfs.Lost) bool {
	sum := func(all []memfs.Thing) index.Hash {
		for _, x := range all {
			if x.Path == held && x.File() {
				return scan.SumBytes([]byte(x.Data))
			}
		}
		return index.Hash{}
	}
	before, after := sum(lost.Held), sum(n.disk.Area("kept"))
	return before != index.Hash{} && before != b.held[held] && (after == before || after == b.held[held])
}

func readBooks(n *node, view func(func(*store.Tx) error) error) (*books, error) {
	b := &books{records: map[string]*index.Record{}, found: map[string]*index.Entry{}, kept: map[index.Hash]bool{}, held: map[string]index.Hash{}}
	return b, view(func(tx *store.Tx) error {
		for r, err := range tx.Range("", true) {
			if err != nil {
				return err
			}
			b.records[string(r.Path)] = r
		}
		for e, err := range tx.Events(0) {
			if err != nil {
				return err
			}
			f, ok := b.found[string(e.Path)]
			switch {
			case e.Entry == nil:
			case e.Node == n.id && e.How <= index.ByRescan && e.What <= index.Deleted:
				b.found[string(e.Path)] = e.Entry
			case ok && !index.Same(f, e.Entry):
				delete(b.found, string(e.Path))
			}
		}
		for k, err := range tx.AllKept() {
			if err != nil {
				return err
			}
			b.kept[k.Entry.Hash] = true
			if k.Entry.Kind == index.File {
				b.held[k.Held] = k.Entry.Hash
			}
		}
		return nil
	})
}

// has reports whether the index has the content of x, where x was, and it was
// looked at since it was put there; or as a kept version.
func (b *books) has(x memfs.Thing) bool {
	r := b.records[x.Path]
	return r != nil && r.Ours.Live() && r.Stamp.ModTime == x.Time && says(r.Ours, &x) ||
		x.File() && b.kept[scan.SumBytes([]byte(x.Data))]
}

// isOf reports whether metadata or content is of the file that the index has at
// its path. Another file may have come there with a rename.
func (b *books) isOf(x memfs.Loose) bool {
	r := b.records[x.Path]
	return r.Stamp == index.Stamp{} || r.Stamp.Ino == x.Ino
}

// looked returns when the daemon synced what it says it found at a path. The
// record of a file that is being written has no stamp.
func (b *books) looked(n *node, path string) (at int64, ok bool) {
	r := b.records[path]
	switch {
	case r == nil: // a tombstone that the peer has heard of
		return n.disk.Claimed(path, index.Stamp{})
	case r.Ours.Live() && r.Stamp == (index.Stamp{}):
		return n.disk.ClaimedLast(path)
	}
	return n.disk.Claimed(path, r.Stamp)
}

// knows reports whether an edit is in the index of the node on which it was made.
func (b *books) knows(n *node, path string, e *edit) bool {
	f := b.found[path]
	if f == nil || !says(f, e.is) || e.is != nil { // hardly two states have the same time
		return f != nil && says(f, e.is)
	}
	at, ok := b.looked(n, path)
	return ok && at > e.at
}

// says reports whether an entry is that of x; nil is nothing.
func says(e *index.Entry, x *memfs.Thing) bool {
	switch {
	case x == nil || e.Kind == index.Gone:
		return x == nil && e.Kind == index.Gone
	case x.Link():
		return e.Kind == index.Symlink && e.Target == x.Target
	}
	return e.Kind == index.File && e.Hash == scan.SumBytes([]byte(x.Data)) && e.ModTime == x.Time && e.Mode == x.Mode&0o777
}
