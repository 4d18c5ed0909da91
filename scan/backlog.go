package scan

import "duet/store/index"

// maxBacklog is a watcher's backlog.max.
const maxBacklog = 1 << 15

// backlog is a queue of events with one place for each path. Beyond max their
// directories stand for them, to be looked at whole.
type backlog struct {
	max    int
	byPath map[index.Path]Event
	order  []index.Path // as they came first
	lost   bool
}

// add queues e, or joins it to what waits for its path.
func (b *backlog) add(e Event) {
	b.join(e)
	for len(b.byPath) > b.max {
		b.fold()
	}
}

func (b *backlog) join(e Event) {
	if b.byPath == nil {
		b.byPath = map[index.Path]Event{}
	}
	old, ok := b.byPath[e.Path]
	if !ok {
		b.order = append(b.order, e.Path)
	}
	switch {
	case e.From == index.Root:
		e.From = old.From
	case old.From != index.Root && old.From != e.From:
		b.join(Event{Path: old.From})
	}
	e.Dir = e.Dir || old.Dir
	e.Recursive = e.Recursive || old.Recursive
	b.byPath[e.Path] = e
}

// fold replaces every path by its directory.
func (b *backlog) fold() {
	order, byPath := b.order, b.byPath
	*b = backlog{max: b.max, lost: b.lost}
	for _, p := range order {
		b.join(Event{Path: p.Parent(), Dir: true, Recursive: true})
		if from := byPath[p].From; from != index.Root {
			b.join(Event{Path: from.Parent(), Dir: true, Recursive: true})
		}
	}
}

// overflow forgets everything, since everything is to be looked at.
func (b *backlog) overflow() { *b = backlog{max: b.max, lost: true} }

// front returns the next event, false if there is none.
func (b *backlog) front() (Event, bool) {
	if b.lost {
		return Event{Overflow: true, Dir: true, Recursive: true}, true
	}
	if len(b.order) == 0 {
		return Event{}, false
	}
	return b.byPath[b.order[0]], true
}

func (b *backlog) drop() {
	if b.lost {
		b.lost = false
		return
	}
	delete(b.byPath, b.order[0])
	b.order = b.order[1:]
}
