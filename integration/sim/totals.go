package sim

import (
	"fmt"
	"sync"
	"time"
)

// totals is what happened in many runs.
type totals struct {
	mu    sync.Mutex
	runs  int
	hours time.Duration
	sums  [13]int64
}

func (t *totals) add(w *World) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.runs++
	t.hours += w.counts.hours
	c := &w.counts
	for i, n := range []int64{
		c.edits.Load(), c.ops.Load(), c.power.Load(), c.kill.Load(), c.stop.Load(), c.cuts.Load(),
		c.torn.Load(), c.stalls.Load(), c.disk.Load(), c.commits.Load(), c.lost.Load(), c.forgot.Load(), c.steps.Load(),
	} {
		t.sums[i] += n
	}
}

func (t *totals) String() string {
	s := t.sums
	return fmt.Sprintf("%d runs, %.0f virtual hours, %d edits by users, %d operations through doors; %d power failures, "+
		"%d kills, %d stops, %d cuts, %d messages torn, %d stalled, %d disk errors, %d died in commits, %d file events lost, %d indexes lost or put back, %d steps of clocks",
		t.runs, t.hours.Hours(), s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8], s[9], s[10], s[11], s[12])
}
