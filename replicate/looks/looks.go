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
const maxExamine = 2000

// Underway are the examinations under way, and what is to be examined. It belongs
// to the loop of the share.
type Underway struct {
	Dirty   *scan.DirtySet
	looking map[int][]scan.Dirty // by serial, at most maxUnderway
	serial  int                  // of the last one
	crossed map[index.Path]bool  // looked at while a scan was under way; true: recursively
}

// New returns an Underway in which nothing is.
func New(dirty *scan.DirtySet) *Underway {
	return &Underway{Dirty: dirty, looking: map[int][]scan.Dirty{}, crossed: map[index.Path]bool{}}
}

// Any reports whether an examination is under way.
func (n *Underway) Any() bool { return len(n.looking) > 0 }

// Full reports whether no other examination may begin.
func (n *Underway) Full() bool { return len(n.looking) >= maxUnderway }

// Marked reports whether p is to be looked at, or is just being looked at.
func (n *Underway) Marked(p index.Path) bool {
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
	due = n.apart(n.Dirty.Due(now, maxExamine), now)
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
