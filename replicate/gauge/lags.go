package gauge

import (
	"time"

	"duet/store/index"
)

// Lags remembers when own changes were committed, to tell how long it takes
// until the peer confirms them.
type Lags struct {
	open map[index.Path]time.Time // at most 1000
	last []time.Duration          // at most 100
}

// Begin notes that a change was committed.
func (g *Lags) Begin(p index.Path, t time.Time) {
	if g.open == nil {
		g.open = map[index.Path]time.Time{}
	}
	if len(g.open) < 1000 {
		g.open[p] = t
	}
}

// End notes that the peer has confirmed it.
func (g *Lags) End(p index.Path, now time.Time) {
	t, ok := g.open[p]
	if !ok {
		return
	}
	delete(g.open, p)
	if len(g.last) == 100 {
		g.last = g.last[1:]
	}
	g.last = append(g.last, now.Sub(t))
}

// Report returns how long the last change took, and the longest of the last
// hundred.
func (g *Lags) Report() (last, longest time.Duration) {
	for _, d := range g.last {
		last, longest = d, max(longest, d)
	}
	return last, longest
}
