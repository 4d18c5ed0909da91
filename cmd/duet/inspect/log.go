package inspect

import (
	"slices"

	"duet/store/index"
)

// Logged is a row of log: an event, or, last, how far the journal was read.
type Logged struct {
	*Event
	Through uint64 `json:"through,omitempty"`
}

// log writes the events that were asked for, oldest first, so that what
// follows can be appended: from a position, or the newest Limit, or since a
// time.
func (r *run) log() error {
	head := r.tx.Head()
	var err error
	if from := index.Seq(r.From); from > 0 {
		err = r.logFrom(from)
	} else {
		err = r.logLast()
	}
	if err != nil {
		return err
	}
	return r.out.Encode(Logged{Through: max(1, uint64(head))})
}

func (r *run) logFrom(from index.Seq) error {
	for ev, err := range r.tx.Events(from) {
		if err != nil {
			return err
		}
		if err := r.logOne(ev); err != nil {
			return err
		}
	}
	return nil
}

// logOne writes ev if it was asked for.
func (r *run) logOne(ev index.Event) error {
	if !r.inWindow(ev) || !r.concerns(ev) {
		return nil
	}
	row := r.names.event(r.Share, ev)
	return r.out.Encode(Logged{Event: &row})
}

func (r *run) inWindow(ev index.Event) bool {
	return ev.Time >= r.Window.Since && (r.Window.Until == 0 || ev.Time < r.Window.Until)
}

// logLast is log without a position to begin with. What a path is concerned
// with is found by that; else the journal is read back as far as needed, and
// then forth.
func (r *run) logLast() error {
	at, ok, err := r.positions()
	if err != nil {
		return err
	}
	if !ok {
		from, err := r.logStart()
		if err != nil {
			return err
		}
		return r.logFrom(from)
	}
	var found []index.Event
	for _, pos := range at {
		ev, ok, err := r.tx.Event(pos)
		if err != nil {
			return err
		}
		if !ok || !r.inWindow(ev) || !r.concerns(ev) {
			continue
		}
		if found = append(found, ev); len(found) == r.Limit {
			break
		}
	}
	for _, ev := range slices.Backward(found) {
		if err := r.logOne(ev); err != nil {
			return err
		}
	}
	return nil
}

// setBack is how many older events are looked behind for one that is not:
// clocks may have been set back.
const setBack = 1000

// logStart finds the position of the oldest event to be shown.
func (r *run) logStart() (from index.Seq, err error) {
	from = r.tx.Head() + 1
	n, older := 0, 0
	for ev, err := range r.tx.EventsBack(0) {
		if err != nil {
			return 0, err
		}
		if ev.Time < r.Window.Since {
			if older++; older > setBack {
				break
			}
			continue
		}
		older = 0
		if !r.inWindow(ev) || !r.concerns(ev) {
			continue
		}
		from = ev.Pos
		if n++; n == r.Limit {
			break
		}
	}
	return max(from, 1), nil
}
