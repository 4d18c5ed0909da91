package replicate_test

import (
	"fmt"
	"testing"
	"time"

	"duet/replicate/wire"
	"duet/scan"
	"duet/store/index"
)

// slowWatcher tells of each thing a good while after the one before.
func slowWatcher(root string) func(*scan.Rules) (scan.Watcher, error) {
	return func(rules *scan.Rules) (scan.Watcher, error) {
		w, err := scan.Watch(root, rules)
		if err != nil {
			return nil, err
		}
		s := slow{w, make(chan scan.Event)}
		go func() {
			defer close(s.events)
			for ev := range w.Events() {
				time.Sleep(100 * time.Millisecond) // it is what the tests are about
				s.events <- ev
			}
		}()
		return s, nil
	}
}

// A node says that it has told all of its deletes when it has, and not before:
// also if the kernel's queue is slow, and nothing seems to happen in between.
func TestTellsWhole(t *testing.T) {
	t.Parallel()
	const n = 5
	p := newPair(t, nil)
	p.a.cfg.Doors.Watch = slowWatcher(p.a.root)
	for i := range n {
		p.a.write(fmt.Sprint("f", i), "x")
	}
	pp := p.puppetOf(nil)
	var whole index.Seq
	gone := map[index.Path]index.Seq{}
	heard := func(m wire.Msg) {
		switch m := m.(type) {
		case *wire.Changes:
			for _, c := range m.Changes {
				if c.Entry != nil && c.Entry.Kind == index.Gone {
					gone[c.Path] = c.Pos
				}
			}
		case *wire.Ack:
			if whole == 0 {
				whole = m.Whole
			}
		}
	}
	pp.hears("that it has told what its scan found", func(m wire.Msg) bool { heard(m); return whole > 0 })
	before := whole
	for i := range n {
		p.a.remove(fmt.Sprint("f", i))
	}
	pp.hears("that it has told its deletes", func(m wire.Msg) bool {
		if whole == before {
			whole = 0 // and then the next
		}
		heard(m)
		return len(gone) == n && whole > before
	})
	for path, pos := range gone {
		if pos > whole {
			t.Errorf("%v was deleted at %d, and all was said to be told up to %d", path, pos, whole)
		}
	}
}
