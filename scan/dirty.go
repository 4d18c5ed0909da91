package scan

import (
	"container/heap"
	"slices"
	"time"

	"duet/store/index"
)

const (
	// maxDirty bounds a DirtySet: beyond it, paths are folded into their
	// directories.
	maxDirty = 1 << 16
	// restless is after how many settle times a path is handed out though it is
	// marked again and again: then Examine sees to it that it is whole.
	restless = 20
)

// Dirty is a path to look at.
type Dirty struct {
	Path      index.Path
	Recursive bool      // and, if it is a directory, at everything below it
	First     time.Time // marked first
	Last      time.Time // marked last
	After     time.Time // do not look before this; zero: as soon as it has settled
	Copy      time.Time // do not try to copy it before this, though it is overdue
}

// DirtySet is the set of paths to look at. It is pure: it knows only the times
// that it is told. Its size is bounded: when it would grow beyond 65,536 paths,
// they become recursive marks of the directories that hold them. Not for use
// from several goroutines.
type DirtySet struct {
	settle time.Duration
	max    int
	paths  map[index.Path]*pending
	queue  dueQueue
}

// pending is one path in the set. Being marked again makes it due later, but
// does not move it in the queue: that is put right when it gets to the front.
type pending struct {
	Dirty
	due time.Time // as the queue has it, never after the real one
}

// NewDirtySet returns an empty set that hands out a path once it was not
// marked again for settle.
func NewDirtySet(settle time.Duration) *DirtySet {
	return &DirtySet{settle: settle, max: maxDirty, paths: map[index.Path]*pending{}}
}

// Mark adds p.
func (s *DirtySet) Mark(p index.Path, recursive bool, now time.Time) {
	s.add(Dirty{Path: p, Recursive: recursive, First: now, Last: now})
}

// Put puts back what Examine wants to look at again.
func (s *DirtySet) Put(again ...Dirty) {
	for _, d := range again {
		s.add(d)
	}
}

// Len returns the number of paths.
func (s *DirtySet) Len() int { return len(s.paths) }

// Marked reports whether p, or something above it with all that is below, is in
// the set.
func (s *DirtySet) Marked(p index.Path) bool {
	if s.paths[p] != nil {
		return true
	}
	for p != index.Root {
		p = p.Parent()
		if above := s.paths[p]; above != nil && above.Recursive {
			return true
		}
	}
	return false
}

// Next returns when Due will have something; false if the set is empty.
func (s *DirtySet) Next() (time.Time, bool) {
	if !s.settleFront() {
		return time.Time{}, false
	}
	return s.queue[0].due, true
}

// Due removes and returns at most limit paths whose time has come, in walk order.
func (s *DirtySet) Due(now time.Time, limit int) []Dirty {
	var out []Dirty
	for len(out) < limit && s.settleFront() && !s.queue[0].due.After(now) {
		p := heap.Pop(&s.queue).(*pending)
		delete(s.paths, p.Path)
		out = append(out, p.Dirty)
	}
	slices.SortFunc(out, func(a, b Dirty) int { return a.Path.Compare(b.Path) })
	return out
}

// settleFront brings the path that is due first to the front of the queue;
// false if there is none.
func (s *DirtySet) settleFront() bool {
	for len(s.queue) > 0 {
		p := s.queue[0]
		due := s.dueAt(p.Dirty)
		if !due.After(p.due) {
			return true
		}
		p.due = due
		heap.Fix(&s.queue, 0)
	}
	return false
}

func (s *DirtySet) dueAt(d Dirty) time.Time {
	due := earlier(d.Last.Add(s.settle), d.First.Add(restless*s.settle))
	return later(due, d.After)
}

func (s *DirtySet) add(d Dirty) {
	if p, ok := s.paths[d.Path]; ok {
		p.merge(d)
		return
	}
	p := &pending{Dirty: d, due: s.dueAt(d)}
	s.paths[d.Path] = p
	heap.Push(&s.queue, p)
	if len(s.paths) > s.max {
		s.fold()
	}
}

func (p *pending) merge(d Dirty) {
	p.Recursive = p.Recursive || d.Recursive
	p.First, p.Last = earlier(p.First, d.First), later(p.Last, d.Last)
	p.After, p.Copy = later(p.After, d.After), later(p.Copy, d.Copy)
}

// fold replaces paths by recursive marks of their directories, until the set
// is half empty again.
func (s *DirtySet) fold() {
	for len(s.paths) > s.max/2 {
		old := s.paths
		s.paths = map[index.Path]*pending{}
		s.queue = s.queue[:0]
		for _, p := range old {
			d := Dirty{Path: p.Path.Parent(), Recursive: true, First: p.First, Last: p.Last}
			if q, ok := s.paths[d.Path]; ok {
				q.merge(d)
			} else {
				s.paths[d.Path] = &pending{Dirty: d}
			}
		}
	}
	for _, p := range s.paths {
		p.due = s.dueAt(p.Dirty)
		heap.Push(&s.queue, p)
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// dueQueue is a heap by due time.
type dueQueue []*pending

func (q dueQueue) Len() int           { return len(q) }
func (q dueQueue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q dueQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *dueQueue) Push(x any)        { *q = append(*q, x.(*pending)) }
func (q *dueQueue) Pop() any {
	last := len(*q) - 1
	p := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return p
}
