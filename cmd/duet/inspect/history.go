package inspect

import (
	"slices"

	"duet/store"
	"duet/store/index"
)

// maxListed bounds the positions of a subtree that are gathered before they are
// shown in order. Where there are more, reading the whole journal is as good.
const maxListed = 5_000

// history writes what is asked of the journal, newest first. Of a path that is
// named it is found by that, also under the names that the path had before and
// after a rename.
func (r *run) history() error {
	n := 0
	show := func(ev index.Event) (more bool, err error) {
		row := r.names.event(r.Share, ev)
		n++
		return n != r.Limit, r.out.Encode(row)
	}
	at, found, err := r.positions()
	if err != nil {
		return err
	}
	for _, pos := range at {
		ev, ok, err := r.tx.Event(pos)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if more, err := show(ev); err != nil || !more {
			return err
		}
	}
	if !found {
		return r.readBack(show)
	}
	if n == 0 && r.want.text != "" && !r.want.glob {
		return &ErrUnknownPath{r.Share, index.Path(r.want.text)}
	}
	return nil
}

// positions finds the events that concern the path that is asked for and what
// is below it, newest first; false if the journal has to be read for that.
func (r *run) positions() (at []index.Seq, ok bool, err error) {
	if r.want.text == "" || r.want.glob {
		return nil, false, nil
	}
	p := index.Path(r.want.text)
	at, ok, err = r.tx.PositionsUnder(p, maxListed)
	if err != nil || !ok {
		return nil, false, err
	}
	trail, err := Trail(r.tx, p, maxTrail)
	if err != nil {
		return nil, false, err
	}
	for _, ev := range trail {
		at = append(at, ev.Pos)
	}
	slices.Sort(at)
	at = slices.Compact(at)
	slices.Reverse(at)
	return at, true, nil
}

func (r *run) readBack(show func(index.Event) (bool, error)) error {
	for ev, err := range r.tx.EventsBack(0) {
		if err != nil {
			return err
		}
		if !r.concerns(ev) {
			continue
		}
		if more, err := show(ev); err != nil || !more {
			return err
		}
	}
	return nil
}

func (r *run) concerns(ev index.Event) bool {
	return r.want.match(ev.Path) || ev.From != index.Root && r.want.match(ev.From) || ev.To != index.Root && r.want.match(ev.To)
}

// Bounds of a Trail: a path that programs rename for ever has no end.
const (
	maxNames = 100
	maxTrail = 10_000
)

// stretch is a part of a path's history: the events between two positions,
// without those.
type stretch struct {
	path          index.Path
	after, before index.Seq
}

// Trail returns the events of one path, newest first: also what it was before
// it was renamed to that path, and what became of it after it was renamed away.
// It reads no more than limit of them.
func Trail(tx *store.Tx, p index.Path, limit int) ([]index.Event, error) {
	found := map[index.Seq]index.Event{}
	todo := []stretch{{p, 0, ^index.Seq(0)}}
	for i := 0; i < len(todo) && i < maxNames; i++ {
		s := todo[i]
		for ev, err := range tx.History(s.path) {
			if err != nil {
				return nil, err
			}
			if len(found) >= limit {
				break
			}
			if ev.Pos < s.after {
				// What is moved is noticed at its new name first: this is that.
				if ev.Path == s.path && ev.Entry.Live() {
					found[ev.Pos] = ev
				}
				break
			}
			if ev.Pos == s.after || ev.Pos >= s.before {
				continue
			}
			found[ev.Pos] = ev
			if next, ok := s.beyond(ev); ok && !slices.Contains(todo, next) {
				todo = append(todo, next)
			}
		}
	}
	out := make([]index.Event, 0, len(found))
	for _, ev := range found {
		out = append(out, ev)
	}
	slices.SortFunc(out, func(a, b index.Event) int {
		if a.Pos > b.Pos {
			return -1
		}
		return 1
	})
	return out, nil
}

// beyond is where the history goes on under another name.
func (s stretch) beyond(ev index.Event) (stretch, bool) {
	end := ^index.Seq(0)
	switch {
	case ev.Path == s.path && ev.From != index.Root:
		return stretch{ev.From, 0, ev.Pos}, true
	case ev.Path == s.path && ev.To != index.Root:
		return stretch{ev.To, ev.Pos, end}, true
	case ev.From == s.path:
		return stretch{ev.Path, ev.Pos, end}, true
	case ev.To == s.path:
		return stretch{ev.Path, 0, ev.Pos}, true
	}
	return stretch{}, false
}
