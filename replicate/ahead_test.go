package replicate_test

import (
	"testing"

	"duet/replicate/report"
	"duet/replicate/wire"
)

// What the peer tells ahead of its turn is done at once, but it is no word of what lies
// before it: a goes on hearing from where it was, and takes the same once more
// in its turn.
func TestToldAhead(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	pp := p.puppetOf(nil)
	first := changes(fileAt(500, "x", "saved"))
	first.Through, first.Ahead, first.Run = 0, true, 9
	pp.say(first)
	pp.change("that it has x", func(c wire.Change) bool { return c.Agreed == 500 })
	if got := p.a.read("x"); got != "saved" {
		t.Fatalf("x: %q", got)
	}
	if st := p.a.share.Status(); st.Heard != 0 {
		t.Errorf("heard up to %d", st.Heard)
	}
	pp.conn.Close()
	p.a.until("the end of it", func(st report.Status) bool { return !st.Connected })

	again := p.puppetAgain(nil)
	if h := again.hello; h.Heard != 0 || h.Ahead != 500 || h.AheadRun != 9 {
		t.Errorf("it remembers %d, and ahead of its turn %d of run %d", h.Heard, h.Ahead, h.AheadRun)
	}
	again.say(changes(fileAt(7, "y", "before it"), fileAt(500, "x", "saved")))
	again.hears("that it has heard all", func(m wire.Msg) bool { a, ok := m.(*wire.Ack); return ok && a.Heard == 500 })
	p.a.until("the rest", func(st report.Status) bool { return p.a.read("y") == "before it" && st.Heard == 500 })
	if got := p.a.read("x"); got != "saved" || len(p.a.kept()) > 0 {
		t.Errorf("x: %q, %d versions kept", got, len(p.a.kept()))
	}
	if h := p.puppetAgain(nil).hello; h.Heard != 500 || h.Ahead != 0 || h.AheadRun != 0 {
		t.Errorf("it remembers %d, and ahead of its turn %d of run %d", h.Heard, h.Ahead, h.AheadRun)
	}
}

// A peer whose journal does not reach what it told ahead of its turn has been put back
// to an older state: nothing that it says is taken over.
func TestPutBackBehindWhatWasAhead(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	pp := p.puppetOf(nil)
	first := changes(fileAt(500, "x", "saved"))
	first.Through, first.Ahead = 0, true
	pp.say(first)
	pp.change("that it has x", func(c wire.Change) bool { return c.Agreed == 500 })
	pp.conn.Close()
	p.a.until("the end of it", func(st report.Status) bool { return !st.Connected })
	p.puppetAgain(func(m *wire.Hello) { m.Head = 499 }).hungUp("after it was put back")
}

// The same path cannot have been somewhere else in the peer's journal before.
func TestToldAheadAndThenBefore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ first, then wire.Change }{
		"a state":        {fileAt(500, "x", "saved"), fileAt(400, "x", "older")},
		"a confirmation": {wire.Change{Pos: 500, Agreed: 1}, wire.Change{Pos: 400, Agreed: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, nil)
			p.a.write("own", "a's own")
			pp := p.puppetOf(nil)
			pp.change("its own file", func(c wire.Change) bool { return c.Pos == 1 && c.Path == "own" })
			first := changes(c.first)
			first.Through, first.Ahead = 0, true
			pp.say(first, changes(c.then))
			pp.hungUp("after it was told what cannot be")
			if got := p.a.read("x"); got == "older" {
				t.Error("an older state was taken over")
			}
		})
	}
}
