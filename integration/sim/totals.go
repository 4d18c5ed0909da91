package sim

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// counts is what happened in a run.
type counts struct {
	edits, ops, said                 atomic.Int64
	power, kill, stop, commits       atomic.Int64
	cuts, torn, stalls               atomic.Int64
	disk, lost, forgot, steps, prune atomic.Int64
	hours                            time.Duration
}

// kinds are the numbers worth telling, and in which words.
func (c *counts) kinds() []kind {
	return []kind{
		{"edits by users", &c.edits}, {"operations through doors", &c.ops}, {"messages", &c.said},
		{"power failures", &c.power}, {"kills", &c.kill}, {"stops", &c.stop}, {"deaths in commits", &c.commits},
		{"cuts", &c.cuts}, {"torn messages", &c.torn}, {"stalls", &c.stalls},
		{"disk errors", &c.disk}, {"lost file events", &c.lost}, {"indexes lost or put back", &c.forgot},
		{"steps of clocks", &c.steps}, {"kept versions pruned", &c.prune},
	}
}

type kind struct {
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
	all := t.kinds()
	for i, k := range w.counts.kinds() {
		all[i].n.Add(k.n.Load())
	}
}

func (t *totals) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	parts := []string{
		fmt.Sprintf("%d runs", t.runs), fmt.Sprintf("%.0f virtual hours", t.hours.Hours()),
	}
	for _, k := range t.kinds() {
		parts = append(parts, fmt.Sprintf("%d %s", k.n.Load(), k.name))
	}
	return fmt.Sprintf("%s: %d wrong", strings.Join(parts, ", "), t.wrong)
}
