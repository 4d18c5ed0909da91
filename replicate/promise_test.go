package replicate_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"duet/replicate"
	"duet/replicate/report"
	"duet/replicate/wire"
	"duet/store"
	"duet/store/index"
)

// The peer is told that it was heard when that is committed, and not before:
// an acknowledgement is a promise.
func TestAckAfterCommit(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	var armed atomic.Bool
	acked := make(chan struct{})
	early := errors.New("not asked yet")
	done := make(chan error, 1)
	p.a.cfg.Doors.Commit = func(stage string) error {
		if stage != "commit" || !armed.Swap(false) {
			return nil
		}
		select {
		case <-acked:
			done <- early
		case <-time.After(300 * time.Millisecond): // silence can only be waited for
			done <- nil
		}
		return nil
	}
	pp := p.puppetOf(nil)
	p.a.until("silence", func(st report.Status) bool { return st.State == report.Reconciling && st.Outage == nil })
	p.a.until("the meeting to be written down", func(report.Status) bool { return p.a.meta().Connected != 0 })
	armed.Store(true)
	pp.say(changes(wire.Change{Pos: 5, Path: "never-here", Entry: goneAt(5)}))
	pp.hears("that it heard us", func(m wire.Msg) bool {
		a, ok := m.(*wire.Ack)
		return ok && a.Heard == 5
	})
	close(acked)
	if err := <-done; err != nil {
		t.Error("a acknowledged what it had not committed")
	}
}

// A tombstone stays until both have it and the peer has heard that we do.
func TestTombstoneWaitsForAck(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.a.write("y", "")
	pp := p.puppetOf(nil)
	pp.say(changes(wire.Change{Pos: 5, Path: "x", Entry: goneAt(5)}))
	x := pp.change("that it has the tombstone of x", func(c wire.Change) bool { return c.Agreed == 5 })
	if r := p.a.record("x"); r == nil {
		t.Error("the tombstone of x is gone before we heard that a has it")
	}
	pp.say(&wire.Ack{Heard: x.Pos})
	p.until("x to be forgotten", func() bool { return p.a.record("x") == nil })

	p.a.remove("y")
	y := pp.change("that y is gone", func(c wire.Change) bool { return c.Entry != nil && c.Entry.Kind == index.Gone })
	pp.say(&wire.Ack{Heard: y.Pos})
	p.until("the ack", func() bool { return p.a.meta().Acked >= y.Pos })
	if r := p.a.record("y"); r == nil {
		t.Error("the tombstone of y is gone before we had it")
	}
	pp.say(changes(wire.Change{Pos: 6, Agreed: y.Pos}))
	p.until("y to be forgotten", func() bool { return p.a.record("y") == nil })
}

// What a crash left half done is settled at the next start.
func TestReplayAtStart(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	var armed atomic.Bool
	p.a.cfg.Doors.Commit = func(stage string) error {
		if _, err := os.Lstat(filepath.Join(p.a.root, "x")); err == nil && stage == "commit" && armed.Load() {
			return errors.New("power failure") // x is in the tree, and the index is never to say so
		}
		return nil
	}
	armed.Store(true)
	p.start()
	p.b.write("x", "new")
	p.until("x", func() bool { return p.a.read("x") == "new" })
	p.a.until("the failure", isState(report.Failed))
	armed.Store(false)
	p.a.stop()
	p.cut()
	p.a.start()
	p.join()
	p.settle()
	recovered := false
	p.a.view(func(tx *store.Tx) error {
		for e, err := range tx.Events(1) {
			recovered = recovered || err == nil && e.Path == "x" && e.How == index.ByRecovery
		}
		if c, err := tx.Counts(); err != nil || c.Intents != 0 {
			t.Errorf("%d intents are left, %v", c.Intents, err)
		}
		return nil
	})
	if !recovered {
		t.Error("x was not found by the recovery")
	}
}

// A peer that was put back to before it had heard of a tombstone, which it had
// acknowledged and which was dropped then, would never hear of it again: it
// would wait for ever for news of the path. So all begins anew.
func TestPeerForgot(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.a.write("x", "1")
	p.a.write("y", "2")
	pp := p.puppetOf(nil)
	p.a.until("meeting", connected)
	p.a.remove("y")
	y := pp.change("that y is gone", func(c wire.Change) bool { return c.Entry != nil && c.Entry.Kind == index.Gone })
	pp.say(&wire.Ack{Heard: y.Pos}, changes(wire.Change{Pos: 6, Agreed: y.Pos}))
	p.until("y to be forgotten", func() bool { return p.a.record("y") == nil && p.a.meta().Acked == y.Pos })
	old := p.a.meta()
	pp.conn.Close()
	p.a.until("the end of the session", func(st report.Status) bool { return !st.Connected })
	p.puppetAgain(func(m *wire.Hello) {
		m.HeardEpoch, m.Heard, m.HeardRun = old.Epoch, y.Pos-1, old.Runs[len(old.Runs)-1].ID
	})
	p.until("a new epoch", func() bool { return p.a.meta().Epoch > old.Epoch })
	if r := p.a.record("x"); !r.Ours.Live() || r.Theirs != nil {
		t.Errorf("x after that: %+v", r)
	}
}

// What is being written down of one session is what the next one begins with: a
// hello that leaves it out has the peer say it again, which then looks like a
// journal that runs backwards.
func TestHelloAfterCommit(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	var armed atomic.Bool
	held, release := make(chan struct{}), make(chan struct{})
	p.a.cfg.Doors.Commit = func(stage string) error {
		if stage == "commit" && armed.Swap(false) {
			close(held)
			<-release
		}
		return nil
	}
	p.a.write("x", "1")
	pp := p.puppetOf(nil)
	pp.change("x", func(c wire.Change) bool { return c.Path == "x" })
	p.a.until("the meeting to be written down", func(report.Status) bool { return p.a.meta().Connected != 0 })
	armed.Store(true)
	pp.say(changes(wire.Change{Pos: 5, Path: "never-here", Entry: goneAt(5)}))
	<-held
	pp.conn.Close()
	before := p.a.until("the cut", func(st report.Status) bool { return !st.Connected }).Since
	go func() {
		for p.a.share.Status().Since.Equal(before) {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(100 * time.Millisecond) // for the hello that must not be said
		close(release)
	}()
	if pp := p.puppetAgain(nil); pp.hello.Heard != 5 {
		t.Errorf("a says that it has heard up to %d, while it writes down 5", pp.hello.Heard)
	}
}

// Who is let go on has written down before what the peer said: it may have been settled
// there.
func TestGoesOnWhenAllIsHeard(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(c *replicate.Config) { c.OnReconnect = "hold" })
	var armed atomic.Bool
	waits := make(chan bool, 1)
	p.a.cfg.Doors.Commit = func(stage string) error {
		if stage != "commit" || !armed.Swap(false) {
			return nil
		}
		time.Sleep(300 * time.Millisecond) // that nothing happens can only be waited for
		waits <- p.a.share.Status().State == report.WaitingApproval
		return nil
	}
	pp := p.puppetOf(nil)
	p.a.until("it to be held", func(st report.Status) bool { return st.State == report.WaitingApproval })
	time.Sleep(50 * time.Millisecond) // for what is written down of the meeting
	armed.Store(true)
	pp.breathe(changes(fileAt(5, "x", "settled")), &wire.Control{Kind: wire.Release})
	if !<-waits {
		t.Error("a went on before it had written down what it heard")
	}
	p.a.until("what was settled", func(st report.Status) bool { return p.a.read("x") == "settled" })
}
