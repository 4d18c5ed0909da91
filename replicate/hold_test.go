package replicate_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"duet/replicate"
	planning "duet/replicate/plan"
	"duet/replicate/report"
	"duet/replicate/wire"
	"duet/store"
)

// After a long time apart a reconnect waits for a person, and says why; after a
// short one it goes on by itself, also if a node crashed in between.
func TestHoldAfter(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(c *replicate.Config) { c.HoldAfter = time.Hour })
	p.start()
	p.a.write("x", "1")
	p.settle()
	p.part()
	p.a.write("x", "2")
	p.noticed()
	p.join()
	p.has("x", "2", "2") // a moment is not an hour
	p.settle()
	p.part()
	p.a.write("x", "3")
	p.noticed()
	p.a.stop()
	p.b.stop()
	ago := func(change func(m *store.Meta, ns int64)) {
		t.Helper()
		for _, n := range []*node{p.a, p.b} {
			st, err := store.Open(n.cfg.File, store.Options{Share: "s", Node: n.cfg.Node})
			if err != nil {
				t.Fatal(err)
			}
			err = st.Update(func(tx *store.Tx) error {
				m, err := tx.Meta()
				if err != nil {
					return err
				}
				change(&m, time.Now().Add(-26*time.Hour).UnixNano())
				return tx.PutMeta(m)
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := st.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	ago(func(m *store.Meta, ns int64) { m.Connected, m.Parted = ns-1, ns })
	p.start()
	for _, n := range []*node{p.a, p.b} {
		st := n.until("a hold", func(st report.Status) bool { return st.Connected && st.State == report.WaitingApproval })
		if !strings.Contains(st.Reason, "apart for 26h0m") || !strings.Contains(st.Reason, "hold_after, which is 1h") || !strings.Contains(st.Reason, "duet recover s") {
			t.Errorf("%s: %s", n.cfg.NodeName, st.Reason)
		}
	}
	if got := p.b.read("x"); got != "2" {
		t.Errorf("while it is held: %q", got)
	}
	p.part()
	p.join() // a look, and another one: it is still the same outage
	p.b.until("a hold", func(st report.Status) bool { return st.Connected && st.State == report.WaitingApproval })
	p.steady() // a plan of less than all there is to be heard is soon out of date
	plan, _, err := p.b.share.Plan(context.Background(), nil, planning.Emit{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.b.share.Apply(context.Background(), replicate.Applying{ID: plan.ID}, nil); err != nil {
		t.Fatal(err)
	}
	p.has("x", "3", "3")
	p.settle()
	p.a.stop()
	p.b.stop()
	// Both crashed while they were connected, a minute ago.
	ago(func(m *store.Meta, ns int64) {
		m.Connected, m.Parted, m.Together, m.Clean = ns+1, ns, time.Now().Add(-time.Minute).UnixNano(), false
	})
	p.start()
	p.a.write("x", "4")
	p.has("x", "4", "4")
	p.settle()
}

// A peer that asks to hold and to go on again and again is sent away: each time
// costs a commit and a line of log.
func TestOrdersHaveAnEnd(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	pp := p.puppetOf(nil)
	for range 100 {
		for _, kind := range []wire.ControlKind{wire.Hold, wire.Release} {
			if wire.WriteMsg(pp.stream, &wire.Control{Kind: kind}) != nil {
				break // it has hung up
			}
		}
	}
	pp.hungUp("after so many orders")
}
