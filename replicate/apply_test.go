package replicate_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"duet/replicate"
	planning "duet/replicate/plan"
	"duet/replicate/report"
)

// steady waits until both nodes have said all, and wait for a person, or are in
// sync.
func (p *pair) steady() {
	p.t.Helper()
	still := func(n *node) bool {
		st := n.share.Status()
		return st.Connected && st.Dirty == 0 && st.Behind == 0 && st.Acked >= st.Head && (st.InSync() || st.Blocked() != nil) && n.sees()
	}
	seen, since := [2]uint64{}, time.Now()
	p.until("both to be steady", func() bool {
		now := [2]uint64{p.a.share.Status().Head, p.b.share.Status().Head}
		if now != seen || !still(p.a) || !still(p.b) {
			seen, since = now, time.Now()
		}
		return time.Since(since) > 80*time.Millisecond
	})
}

// held is a pair that waits for a person, after both did something while apart.
func held(t *testing.T, base func(p *pair), then func(p *pair)) *pair {
	p := newPair(t, func(c *replicate.Config) { c.OnReconnect = "hold" })
	base(p)
	p.start()
	p.steady()
	p.a.applies(nil)
	p.steady()
	p.a.stop()
	p.b.stop()
	then(p)
	p.start()
	p.steady()
	return p
}

func (n *node) plans(o *report.Orders) *report.Plan {
	n.t.Helper()
	p, _, err := n.share.Plan(context.Background(), o, planning.Emit{})
	if err != nil {
		n.t.Fatal(err)
	}
	return p
}

// applies makes a plan and applies it.
func (n *node) applies(o *report.Orders) {
	n.t.Helper()
	p := n.plans(o)
	if _, err := n.share.Apply(context.Background(), replicate.Applying{ID: p.ID}, nil); err != nil {
		n.t.Fatal(err)
	}
}

// refuses wants a plan not to be applied any more, and the reason.
func (n *node) refuses(p *report.Plan, why ...string) {
	n.t.Helper()
	for _, a := range []replicate.Applying{{ID: p.ID}, {ID: p.ID, Pin: &p.Pin, Asked: p.Changes}} {
		_, err := n.share.Apply(context.Background(), a, nil)
		if !errors.Is(err, replicate.ErrMoved) {
			n.t.Fatalf("applied, or not for that reason: %v", err)
		}
		for _, w := range why {
			if !strings.Contains(err.Error(), w) {
				n.t.Errorf("%v: want %s", err, w)
			}
		}
	}
}

// A plan is applied as long as nothing has moved on either side, and the rules
// are what they were.
func TestPlanIsOfOneState(t *testing.T) {
	p := held(t, func(p *pair) { p.a.write("x", "1") }, func(p *pair) { p.a.write("x", "2") })
	plan := p.a.plans(nil)
	p.b.write("theirs", "")
	p.a.until("what b did", func(st report.Status) bool { return st.PendingIn == 1 })
	p.steady()
	p.a.refuses(plan, "b has changed since: theirs", "nothing was applied")
	plan = p.a.plans(nil)
	p.a.write("ours", "")
	p.a.until("what a did", func(st report.Status) bool { return st.PendingOut == 2 })
	p.steady()
	p.a.refuses(plan, "a has changed since: ours", "nothing was applied")
	plan = p.a.plans(nil)
	other := p.a.plans(&report.Orders{Deletes: "hold"})
	if other.ID == plan.ID {
		t.Error("two plans that want different things have one id")
	}
	if _, err := p.a.share.Apply(context.Background(), replicate.Applying{ID: plan.ID, Asked: &report.Orders{Deletes: "hold"}}, nil); !errors.Is(err, replicate.ErrMoved) {
		t.Errorf("a plan was applied with other orders: %v", err)
	}
	if p.b.read("x") != "1" {
		t.Error("a plan that was refused was applied")
	}
	p.a.applies(nil)
	p.settle()
}

// What is left out of a plan waits, on both nodes, also after a restart of both,
// until another plan is applied; the rest goes on.
func TestPlanInPart(t *testing.T) {
	p := held(t,
		func(p *pair) { p.a.write("gone", "1"); p.a.write("d/gone", "1"); p.a.write("d/x", "1") },
		func(p *pair) {
			p.a.remove("gone")
			p.a.remove("d/gone")
			p.a.write("d/new-a", "a")
			p.a.write("new-a", "a")
			p.b.write("d/new-b", "b")
			p.b.write("new-b", "b")
		})
	p.a.applies(&report.Orders{Paths: []string{"d"}, Deletes: "hold"})
	p.steady()
	as := func(when string, n *node, want map[string]bool) {
		t.Helper()
		for name, there := range want {
			if _, err := os.Lstat(filepath.Join(n.root, name)); (err == nil) != there {
				t.Errorf("%s: %s: %s: %v", when, n.cfg.NodeName, name, err)
			}
		}
	}
	check := func(when string) {
		t.Helper()
		as(when, p.a, map[string]bool{"d/new-b": true, "new-b": false})
		as(when, p.b, map[string]bool{"d/new-a": true, "new-a": false, "d/gone": true, "gone": true})
		for _, n := range []*node{p.a, p.b} {
			if st := n.share.Status(); st.LeftOut == nil || st.State != report.WaitingApproval || !strings.Contains(st.Reason, "all but d, deletes") {
				t.Errorf("%s: %s: %+v", when, n.cfg.NodeName, st)
			}
		}
	}
	check("applied")
	p.a.stop()
	p.b.stop()
	p.a.cfg.OnReconnect, p.b.cfg.OnReconnect = "auto", "auto"
	p.start()
	p.steady()
	p.b.write("d/later", "b")
	p.b.write("later", "b")
	p.a.until("d/later", func(report.Status) bool { return p.a.read("d/later") == "b" })
	p.steady()
	check("after a restart")
	as("after a restart", p.a, map[string]bool{"later": false})
	p.b.applies(nil)
	p.settle()
	as("all of it", p.a, map[string]bool{"later": true, "new-b": true})
	as("all of it", p.b, map[string]bool{"new-a": true, "gone": false, "d/gone": false})
	if st := p.a.share.Status(); st.LeftOut != nil {
		t.Errorf("%+v", st.LeftOut)
	}
}

// Both sides of a conflict are kept under two names.
func TestPlanKeepsBoth(t *testing.T) {
	p := held(t,
		func(p *pair) { p.a.write("d/x.tar", "1") },
		func(p *pair) {
			p.a.writeAt("d/x.tar", "a's", time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC))
			p.b.writeAt("d/x.tar", "b's", time.Date(2026, 3, 4, 14, 3, 0, 0, time.UTC))
		})
	o := &report.Orders{Choices: []report.Choice{{Path: "d/x.tar", Take: "both"}}}
	second := "d/x (a 2026-03-04 12.00).tar"
	p.a.applies(o)
	p.settle()
	for _, n := range []*node{p.a, p.b} {
		if got := n.read("d/x.tar") + n.read(second); got != "b'sa's" {
			t.Errorf("%s has %q", n.cfg.NodeName, got)
		}
	}
	if n := len(p.a.kept()); n != 1 {
		t.Errorf("%d kept versions", n)
	}
}
