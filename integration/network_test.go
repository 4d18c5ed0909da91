package integration

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"duet/integration/rig"
)

// The link between two hosts is cut, both go on working, and it comes back:
// the cut is noticed within 10 s, the reconnect takes at most 5 s, and every
// delete is honoured, every conflict's loser kept.
func TestLinkCut(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]func(*rig.Network) (cut, mend func()){
		"link down":         func(w *rig.Network) (_, _ func()) { return w.Unplug, w.Plug },
		"packets swallowed": func(w *rig.Network) (_, _ func()) { return w.Swallow, w.Deliver },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := rig.NewNetwork(t)
			cut, mend := how(w)
			o := w.Options()
			o.Share = anyDeletes
			p := rig.NewPair(t, o)
			seed := rig.Seed(t)
			ledger := rig.NewLedger()
			a, b := rig.NewHand(t, p.A, ledger, seed), rig.NewHand(t, p.B, ledger, seed+1)
			p.Start()
			a.Do(t.Context(), rig.Size(300, 800), 0)
			p.Settle(scaled(patience))

			for i := range rig.Size(1, 2) {
				before := p.A.Tree()
				a.Forget()
				b.Forget()
				cut()
				began := time.Now()
				for _, n := range p.Nodes() {
					awaitConnected(t, n, false, patience)
					took := loggedAfter(t, n, "disconnected from peer", began)
					t.Logf("%s noticed after %v", n.Name, took.Round(10*time.Millisecond))
					// The rest is what a busy machine may add: without pings it takes minutes.
					if took > 20*time.Second {
						t.Errorf("%s noticed after %v, want about 10s", n.Name, took)
					}
				}
				for _, n := range p.Nodes() { // so that there is a conflict, whatever the seed
					write(t, n.At(fmt.Sprintf("both %s %d", name, i)), "by "+n.Name+"\n")
				}
				rig.DoBoth(t.Context(), a, b, rig.Size(60, 200), time.Millisecond)
				was := rig.Outage{Base: before, A: p.A.Tree(), B: p.B.Tree(), TouchedA: a.Touched, TouchedB: b.Touched}
				mend()
				began = time.Now()
				awaitConnected(t, p.A, true, patience)
				took := loggedAfter(t, p.A, "connected to peer", began)
				t.Logf("connected %v after the link is back", took.Round(10*time.Millisecond))
				if took > 15*time.Second { // as above
					t.Errorf("connected after %v, want about 5s", took)
				}
				p.Settle(scaled(patience))
				t.Logf("in sync after %v; %s", time.Since(began).Round(10*time.Millisecond), was.Summary())
				was.Check(t, p.A.Tree(), p.KeptContents())
				ledger.Check(t, p)
				p.CheckIndexes()
			}
		})
	}
}

// The link is cut in the middle of a large transfer: it goes on where it
// stopped instead of starting over, which the bytes on the wire show.
func TestTransferResumes(t *testing.T) {
	t.Parallel()
	w := rig.NewNetwork(t)
	p := rig.NewPair(t, w.Options())
	p.Start()
	plant(t, p, 5)
	size, cuts := int64(rig.Size(128, 400))<<20, rig.Size(1, 2)
	began := w.Delivered()
	writeBig(t, p.A.At("big"), size, 1)
	for i := range cuts {
		until := size * int64(i+1) / int64(cuts+1)
		if !rig.Until(patience, func() bool { return w.Delivered()-began > until }) {
			t.Fatalf("only %d of %d bytes went out", w.Delivered()-began, size)
		}
		w.Swallow()
		t.Logf("cut after %d of %d MiB", (w.Delivered()-began)>>20, size>>20)
		awaitConnected(t, p.B, false, patience)
		w.Deliver()
	}
	p.Settle(scaled(patience))
	sent := w.Delivered() - began
	t.Logf("%d MiB went out for %d MiB, with %d cuts", sent>>20, size>>20, cuts)
	// What is asked for ahead, 32 MiB, can be lost with each cut, where the receiver is slow.
	if sent > size+int64(cuts)*(40<<20) {
		t.Error("the transfer started over")
	}
	p.CheckIndexes()
}

// loggedAfter is how long after began n logged something first: by its own clock,
// as asking it takes a while on a busy machine.
func loggedAfter(t *testing.T, n *rig.Node, msg string, began time.Time) time.Duration {
	t.Helper()
	for l := range strings.Lines(read(t, n.Log)) {
		var line struct {
			Time time.Time
			Msg  string
		}
		if json.Unmarshal([]byte(l), &line) == nil && line.Msg == msg && line.Time.After(began) {
			return line.Time.Sub(began)
		}
	}
	t.Fatalf("%s did not log %q since %v\n%s", n.Name, msg, began, n.LogTail(20))
	return 0
}

func awaitConnected(t *testing.T, n *rig.Node, want bool, within time.Duration) {
	t.Helper()
	if !rig.Until(within, func() bool { s, err := n.Status(); return err == nil && s.Peer.Connected == want }) {
		t.Fatalf("%s: connected is not %v within %v\n%s", n.Name, want, within, n.LogTail(20))
	}
}
