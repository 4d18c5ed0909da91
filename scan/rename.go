package scan

import (
	"time"

	"duet/store/index"
)

// otherHalf is how long the new name of something is waited for: the kernel tells
// it right after the old one, or not at all if it is in no watched directory.
const otherHalf = 10 * time.Millisecond

// halves joins the two events of a rename into one, so that both names are looked
// at together, however busy the machine is: else what was renamed is journalled as
// deleted, and as something new.
type halves struct {
	away Event       // the old name
	late *time.Timer // nil: none waits for its new name
}

// take queues e; renamed says that it is an old name.
func (h *halves) take(b *backlog, e Event, renamed bool) {
	if h.late != nil && e.Recursive && e.Path != index.Root {
		h.late.Stop()
		h.late = nil
		e.From, e.Dir = h.away.Path, e.Dir || h.away.Dir
	}
	h.flush(b)
	if renamed && !e.Recursive && e.Path != index.Root {
		h.away, h.late = e, time.NewTimer(otherHalf)
		return
	}
	b.add(e)
}

// flush queues what waits for its new name.
func (h *halves) flush(b *backlog) {
	if h.late != nil {
		h.late.Stop()
		h.late = nil
		b.add(h.away)
	}
}

// over tells when it has waited for long enough; nil: nothing waits.
func (h *halves) over() <-chan time.Time {
	if h.late == nil {
		return nil
	}
	return h.late.C
}
