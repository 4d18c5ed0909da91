// Package looks keeps the looks at a share's tree from misleading one another.
// Events mark paths dirty, examinations and scans look at them, and several of
// these run at a time: two of them must not see one path in two states and be
// written down in the wrong order. What they see is gathered, so that both halves
// of a rename are told together, and is on stable storage before anybody hears
// of it.
package looks

import (
	"time"

	"duet/scan"
	"duet/store/index"
)

// maxUnderway is how many examinations run at a time, so that a large file does
// not hold up the others.
const maxUnderway = 3

// maxCrossed bounds the paths that are remembered while a scan is under way.
const maxCrossed = 1 << 16

// maxExamine bounds the dirty paths that are looked at together.
const maxExamine = 5000

// In a storm of events, when storm paths or more are due at a time, the next
// examination begins after a quarter of the time that it has lasted, within
// these bounds. Each ends with syncs and a commit, here and on the peer, during
// which the filesystem keeps whoever makes the storm waiting: without a pause
// that takes most of the time.
const (
	storm              = 8
	stormPart          = 4
	pauseMin, pauseMax = 10 * time.Millisecond, 250 * time.Millisecond
	stormOver          = time.Second           // after so long without one, the next is another storm
	stormCalm          = 20 * time.Millisecond // after so long without an event, it is over, and need not be waited for
)

// Underway are the examinations under way, and what is to be examined. It belongs
// to the loop of the share.
type Underway struct {
	Dirty   *scan.DirtySet
	looking map[int][]scan.Dirty // by serial, at most maxUnderway
	serial  int                  // of the last one
	crossed map[index.Path]bool  // looked at while a scan was under way; true: recursively

	installing map[index.Path]bool // nil: nothing is
	parked     []scan.Dirty        // of those, what was due meanwhile
	place      map[index.Path]int  // in parked

	stormy time.Time // since when there is a storm
	last   time.Time // that much was due
	pause  time.Time // no examination before this, unless it is calm
	stir   time.Time // of the last event
}

// New returns an Underway in which nothing is.
func New(dirty *scan.DirtySet) *Underway {
	return &Underway{Dirty: dirty, looking: map[int][]scan.Dirty{}, crossed: map[index.Path]bool{}}
}

// Any reports whether an examination is under way, or waits for an install.
func (n *Underway) Any() bool { return len(n.looking)+len(n.parked) > 0 }

// Full reports whether no other examination may begin.
func (n *Underway) Full() bool { return len(n.looking) >= maxUnderway }

// Marked reports whether p is to be looked at, or is just being looked at.
func (n *Underway) Marked(p index.Path) bool {
	for _, d := range n.parked {
		if d.Path == p || d.Recursive && p.Under(d.Path) {
			return true
		}
	}
	for _, due := range n.looking {
		for _, d := range due {
			if d.Path == p || d.Recursive && p.Under(d.Path) {
				return true
			}
		}
	}
	return n.Dirty.Marked(p)
}

// Begin takes what is due for an examination; nothing, if due is empty. The
// examination is known by its serial.
func (n *Underway) Begin(scanning bool, now time.Time) (serial int, due []scan.Dirty) {
	if now.Before(n.resumes()) {
		return 0, nil
	}
	due = n.park(n.Dirty.Due(now, maxExamine))
	n.pace(len(due), now)
	due = n.apart(due, now)
	if len(due) == 0 {
		return 0, nil
	}
	n.serial++
	n.looking[n.serial] = due
	if scanning {
		n.cross(due)
	}
	return n.serial, due
}

// Installing says what is being installed, until Installed. The events that this
// makes come while the index does not say yet what they are about: a look would
// take them for edits, to be found wrong and looked at again.
func (n *Underway) Installing(paths map[index.Path]bool) { n.installing = paths }

// Installed has what was due meanwhile looked at.
func (n *Underway) Installed() {
	n.Dirty.Put(n.parked...)
	n.installing, n.parked, n.place = nil, nil, nil
}

// park takes out of due what is being installed.
func (n *Underway) park(due []scan.Dirty) []scan.Dirty {
	if n.installing == nil {
		return due
	}
	var free []scan.Dirty
	for _, d := range due {
		if !n.installing[d.Path] {
			free = append(free, d)
			continue
		}
		if i, again := n.place[d.Path]; again {
			d.Recursive = d.Recursive || n.parked[i].Recursive
			d.First = n.parked[i].First
			n.parked[i] = d
			continue
		}
		if n.place == nil {
			n.place = map[index.Path]int{}
		}
		n.place[d.Path] = len(n.parked)
		n.parked = append(n.parked, d)
	}
	return free
}

// pace decides when the next examination may begin.
func (n *Underway) pace(due int, now time.Time) {
	if due < storm {
		return
	}
	if now.Sub(n.last) > stormOver {
		n.stormy = now
	}
	n.last = now
	n.pause = now.Add(min(max(now.Sub(n.stormy)/stormPart, pauseMin), pauseMax))
}

// Stir notes that something has just happened in the tree.
func (n *Underway) Stir(now time.Time) { n.stir = now }

// resumes is when the pause is over: at its end, or when the storm is.
func (n *Underway) resumes() time.Time {
	if calm := n.stir.Add(stormCalm); calm.Before(n.pause) {
		return calm
	}
	return n.pause
}

// Next returns when there is something to examine next; false if there is not.
func (n *Underway) Next() (time.Time, bool) {
	t, ok := n.Dirty.Next()
	if at := n.resumes(); ok && t.Before(at) {
		t = at
	}
	return t, ok
}

// End ends an examination.
func (n *Underway) End(serial int) { delete(n.looking, serial) }

// apart puts those of due back, for a moment, that another examination has in
// hand, or something above or below them. Two looks at one path must not
// overlap: the later one could find that the tree is as the index says and say
// nothing, before what the earlier one saw is committed, and the index would
// then describe for good what is no longer there.
func (n *Underway) apart(due []scan.Dirty, now time.Time) []scan.Dirty {
	if len(n.looking) == 0 {
		return due
	}
	held, above := map[index.Path]bool{}, map[index.Path]bool{}
	for _, ds := range n.looking {
		for _, d := range ds {
			held[d.Path] = true
			for p := d.Path; p != index.Root && !above[p.Parent()]; p = p.Parent() {
				above[p.Parent()] = true
			}
		}
	}
	var free []scan.Dirty
	for _, d := range due {
		taken := held[d.Path] || above[d.Path]
		for p := d.Path; p != index.Root && !taken; p = p.Parent() {
			taken = held[p.Parent()]
		}
		if !taken {
			free = append(free, d)
			continue
		}
		d.After = now.Add(10 * time.Millisecond)
		n.Dirty.Put(d)
	}
	return free
}

// cross remembers what is looked at while a scan is under way: for the same
// reason it has to be looked at once more when the scan is committed.
func (n *Underway) cross(due []scan.Dirty) {
	for _, d := range due {
		if len(n.crossed) < maxCrossed {
			n.crossed[d.Path] = n.crossed[d.Path] || d.Recursive
		} else {
			n.crossed[index.Root] = true
		}
	}
}

// Scanned marks what was looked at while a scan was under way that has now
// ended. It reports whether that was so much that another scan has to tell.
func (n *Underway) Scanned(now time.Time) (again bool) {
	again = n.crossed[index.Root]
	if again {
		clear(n.crossed)
	}
	for p, recursive := range n.crossed {
		n.Dirty.Mark(p, recursive, now)
	}
	clear(n.crossed)
	return again
}
