package sim

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// counts is what happened in a run.
type counts struct {
	edits, ops, said           atomic.Int64
	power, kill, stop, commits atomic.Int64
	cuts, torn, stalls         atomic.Int64
	disk, lost, forgot, steps  atomic.Int64
	prune, rules               atomic.Int64
	hours                      time.Duration
}

// all are the numbers worth telling, and in which words.
func (c *counts) all() []count {
	return []count{
		{"edits by users", &c.edits}, {"operations through doors", &c.ops}, {"messages", &c.said},
		{"power failures", &c.power}, {"kills", &c.kill}, {"stops", &c.stop}, {"deaths in commits", &c.commits},
		{"cuts", &c.cuts}, {"torn messages", &c.torn}, {"stalls", &c.stalls},
		{"disk errors", &c.disk}, {"lost file events", &c.lost}, {"indexes lost or put back", &c.forgot},
		{"steps of clocks", &c.steps}, {"kept versions pruned", &c.prune},
		{"rulings by people", &c.rules},
	}
}

type count struct {
	name string
	n    *atomic.Int64
}

// totals is what happened in many runs.
type totals struct {
	counts
	mu    sync.Mutex
	runs  int
	wrong int
	began time.Time
}

func (t *totals) add(w *World) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.runs++
	if len(w.Faults()) > 0 {
		t.wrong++
	}
	t.hours += w.counts.hours
	all := t.all()
	for i, k := range w.counts.all() {
		all[i].n.Add(k.n.Load())
	}
}

// tell says now and then how far a long run has come.
func (t *totals) tell(stop <-chan struct{}, next func() uint64) {
	tick := time.NewTicker(30 * time.Second)
	defer tick.Stop()
	long := false
	for {
		select {
		case <-tick.C:
			long = true
			fmt.Fprintf(os.Stderr, "%v, before seed %d: %v\n", time.Since(t.began).Round(time.Second), next(), t)
		case <-stop:
			if long {
				fmt.Fprintf(os.Stderr, "%v: %v\n", time.Since(t.began).Round(time.Second), t)
			}
			return
		}
	}
}

func (t *totals) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	parts := []string{
		fmt.Sprintf("%d runs", t.runs), fmt.Sprintf("%.0f virtual hours", t.hours.Hours()),
	}
	for _, k := range t.all() {
		parts = append(parts, fmt.Sprintf("%d %s", k.n.Load(), k.name))
	}
	return fmt.Sprintf("%s: %d wrong", strings.Join(parts, ", "), t.wrong)
}
