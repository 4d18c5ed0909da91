package talk

import (
	"fmt"
	"time"
)

// Mending is what it has cost so far to make something fit that the peer says in
// its hello: histories, or ignore rules. Each time is a pass over the whole
// index, and a peer can ask for one with every hello.
type Mending struct {
	What  string // Misfits or NewRules
	times int
	took  time.Duration // the last time
	ended time.Time
}

// What does not stay as it is.
const (
	Misfits  = "the peer's history does not fit: its index is lost or put back again and again,"
	NewRules = "the peer's ignore rules have changed"
)

// A peer that was set up anew, or put back, takes two or three passes; one more
// may take a tenth of the time.
const (
	freeMendings  = 4
	mendingShare  = 10
	mendingForget = time.Hour
)

// Note notes that a pass took so long.
func (m *Mending) Note(took time.Duration, now time.Time) {
	if now.Sub(m.ended) > mendingForget {
		m.times = 0
	}
	m.times, m.took, m.ended = m.times+1, took, now
}

// Allowed says why there must be none now; nil if there may.
func (m *Mending) Allowed(now time.Time) error {
	wait := m.ended.Add(m.took * mendingShare).Sub(now)
	if m.times < freeMendings || wait <= 0 {
		return nil
	}
	return fmt.Errorf("%s for the %dth time within an hour, or it lies; the next try is in %v",
		m.What, m.times+1, max(wait.Round(time.Second), time.Second))
}
