package replicate_test

import (
	"slices"
	"testing"
	"time"

	"duet/replicate"
	"duet/replicate/report"
	"duet/store/index"
)

// A node that is held back has heard of a conflict, and does nothing about it. If
// the peer, which a person has released a moment earlier, settles it first and
// says what came of it, then that is a conflict all the same, and both list it.
func TestConflictSettledThereWhileHeldHere(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(c *replicate.Config) { c.OnReconnect = "hold" })
	p.a.writeAt("x", "a's, newer", time.Unix(1_100_000_000, 0))
	p.a.writeAt("y", "a's, newer", time.Unix(1_100_000_000, 0))
	p.a.writeAt("z", "a's, newer", time.Unix(1_100_000_000, 0))
	pp := p.puppetOf(nil)
	p.a.until("meeting", connected)
	pp.say(changes(fileAt(5, "x", "b's, older"), fileAt(6, "y", "b's, older"), fileAt(7, "z", "b's, older")))
	for _, path := range []index.Path{"x", "y", "z"} {
		p.until("the other side of "+string(path), func() bool { return p.a.record(path) != nil && p.a.record(path).Theirs != nil })
	}
	if got := p.a.open(); len(got) != 0 {
		t.Fatalf("before anybody has released it, %q are listed", got)
	}

	x, y, z := fileAt(8, "x", "a's, newer"), fileAt(9, "y", "b's again"), fileAt(10, "z", "b's, older")
	outcome := func(name index.Path, pos index.Seq) index.Entry {
		out, lost := *p.a.record(name).Ours, p.a.record(name).Theirs
		out.Version, out.Over = out.Version.Join(lost.Version), lost.Version
		return out
	}
	*x.Entry = outcome("x", 8) // the rule's
	edited := outcome("y", 9)  // and an edit on top of it
	y.Entry.Version, y.Entry.Over = edited.Version.With(puppetEpoch, 9), edited.Over
	chosen := outcome("z", 10) // a person there chose the other one
	z.Entry.Version = chosen.Version.With(puppetEpoch, 10)
	z.Entry.Over = p.a.record("z").Ours.Version
	z.Entry.Settled = &index.Settlement{Upto: chosen.Version}
	pp.say(changes(x, y, z))
	p.until("the conflicts to be listed", func() bool { return slices.Equal(p.a.open(), []string{"x", "y"}) })
	p.a.until("y to wait", func(st report.Status) bool { return st.PendingIn == 2 })
	if r := p.a.record("x"); !r.Agreed() {
		t.Errorf("x is not agreed: %+v, theirs %+v", r.Ours, r.Theirs)
	}
}
