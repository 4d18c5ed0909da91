// Package gauge measures what a share says of its pace: how much lately, how
// fast, and how long it takes.
package gauge

import "time"

// Lately counts what happened in the last Span; of a minute, if that is zero.
type Lately struct {
	Span  time.Duration
	marks []mark
}

type mark struct {
	at time.Time
	n  int64
}

// parts is into how many marks a span is divided, so that a long one needs no
// more memory than a short one.
const parts = 60

func (w *Lately) span() time.Duration {
	if w.Span <= 0 {
		return time.Minute
	}
	return w.Span
}

// Add counts n more.
func (w *Lately) Add(n int64, now time.Time) {
	if k := len(w.marks); k > 0 && now.Sub(w.marks[k-1].at) < w.span()/parts {
		w.marks[k-1].n += n
		return
	}
	w.marks = append(w.marks, mark{now, n})
}

// Sum returns how many there were.
func (w *Lately) Sum(now time.Time) (n int64) {
	for len(w.marks) > 0 && now.Sub(w.marks[0].at) > w.span()+w.span()/parts {
		w.marks = w.marks[1:]
	}
	for _, m := range w.marks {
		n += m.n
	}
	return n
}
