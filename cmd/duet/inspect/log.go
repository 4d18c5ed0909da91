package inspect

import "duet/store/index"

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
	from := index.Seq(r.From)
	if from == 0 {
		var err error
		if from, err = r.logStart(); err != nil {
			return err
		}
	}
	for ev, err := range r.tx.Events(from) {
		if err != nil {
			return err
		}
		if ev.Time < r.Window.Since || r.Window.Until != 0 && ev.Time >= r.Window.Until || !r.concerns(ev) {
			continue
		}
		row := r.names.event(r.Share, ev)
		if err := r.out.Encode(Logged{Event: &row}); err != nil {
			return err
		}
	}
	return r.out.Encode(Logged{Through: max(1, uint64(head))})
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
		if r.Window.Until != 0 && ev.Time >= r.Window.Until || !r.concerns(ev) {
			continue
		}
		from = ev.Pos
		if n++; n == r.Limit {
			break
		}
	}
	return max(from, 1), nil
}

func (r *run) concerns(ev index.Event) bool {
	return r.want.match(ev.Path) || ev.From != index.Root && r.want.match(ev.From)
}
