// Package gauge measures what a share says of its pace: how much lately, how
// fast, and how long it takes.
package gauge

import "time"

// Minute counts what happened in the last minute.
type Minute struct{ marks []mark }

type mark struct {
	at time.Time
	n  int64
}

// Add counts n more.
func (w *Minute) Add(n int64, now time.Time) {
	if k := len(w.marks); k > 0 && now.Sub(w.marks[k-1].at) < time.Second {
		w.marks[k-1].n += n
		return
	}
	w.marks = append(w.marks, mark{now, n})
}

// Sum returns how many there were.
func (w *Minute) Sum(now time.Time) (n int64) {
	for len(w.marks) > 0 && now.Sub(w.marks[0].at) > time.Minute {
		w.marks = w.marks[1:]
	}
	for _, m := range w.marks {
		n += m.n
	}
	return n
}
