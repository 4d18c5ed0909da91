package replicate_test

import (
	"bytes"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"duet/replicate/link"
	"duet/replicate/report"
)

// A node that is told to stop says so to the peer, however busy its loop is at that
// moment: nothing may end the connection before.
func TestStopIsSaid(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	var busy atomic.Bool
	gate := make(chan struct{})
	p.a.cfg.Doors.Turn = func(who string, _ int) {
		if who == "loop" && busy.Load() {
			<-gate
		}
	}
	p.start()
	p.settle()
	busy.Store(true)
	p.a.end()
	select {
	case <-p.b.conn.Done(): // too early
	case <-time.After(100 * time.Millisecond):
	}
	close(gate)
	<-p.b.conn.Done()
	if err := p.b.conn.Err(); link.ReasonOf(err) != link.Stops {
		t.Errorf("b heard: %v", err)
	}
}

// A run that was not stopped is told from one that was, even if it has ended before
// it met anybody.
func TestHowTheRunBeforeEnded(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	crashed := func() {
		t.Helper()
		p.a.start()
		p.join()
		p.b.until("how a ended", func(st report.Status) bool {
			return st.Connected && st.Outage != nil && st.Outage.Kind == "crashed" && strings.Contains(st.Outage.Why, "ended on a without stopping")
		})
	}
	p.start()
	p.settle()
	p.crash(p.a)
	crashed()
	p.cut()
	p.a.stop()
	p.a.start()
	p.a.until("a started", func(st report.Status) bool { return st.State == report.Disconnected })
	p.crash(p.a)
	crashed()
}

// crash ends a node without a word, and leaves its index as it is at this moment.
func (p *pair) crash(n *node) {
	p.t.Helper()
	var index bytes.Buffer
	if _, err := n.share.CopyTo(&index); err != nil {
		p.t.Fatal(err)
	}
	p.cut()
	n.stop()
	if err := os.WriteFile(n.cfg.File, index.Bytes(), 0o600); err != nil {
		p.t.Fatal(err)
	}
}
