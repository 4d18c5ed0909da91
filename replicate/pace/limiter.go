package pace

import (
	"sync"
	"time"
)

// Limiter spreads what is sent over time. The nil Limiter lets everything pass.
//
// What is urgent is spread, too, but only among itself: it passes what is not.
type Limiter struct {
	table Timetable
	now   func() time.Time

	mu     sync.Mutex
	next   time.Time // when the next bytes may go
	urgent time.Time // when the next urgent ones may
}

// NewLimiter returns a Limiter; nil if the timetable has no limit. now is the
// clock; nil: time.Now.
func NewLimiter(t Timetable, now func() time.Time) *Limiter {
	if len(t) == 0 {
		return nil
	}
	if now == nil {
		now = time.Now
	}
	return &Limiter{table: t, now: now}
}

// Rate is the limit in force, in bytes a second; 0: none.
func (l *Limiter) Rate() int64 {
	if l == nil {
		return 0
	}
	return l.table.At(l.now())
}

// Piece returns how much is to be sent at a time, at most most: what may be sent
// in a second, so that nobody takes slow for dead.
func (l *Limiter) Piece(most int) int {
	if rate := l.Rate(); rate > 0 {
		return int(min(int64(most), rate))
	}
	return most
}

// Reserve takes note that n bytes are about to be sent, and returns how long to
// wait before.
func (l *Limiter) Reserve(n int, urgent bool) time.Duration {
	rate := l.Rate()
	if rate == 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	takes := time.Duration(float64(n) / float64(rate) * float64(time.Second))
	begin := later(l.next, now)
	l.next = begin.Add(takes)
	if urgent {
		begin = later(l.urgent, now)
		l.urgent = begin.Add(takes)
	}
	return begin.Sub(now)
}

// credit is how far what was sent at once may be ahead of the limit.
const credit = time.Second

// Spend takes note that n bytes are sent at once, if they may be: what follows waits
// for them. It is false while what was sent so has used up more than a second.
func (l *Limiter) Spend(n int) bool {
	rate := l.Rate()
	if rate == 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if l.urgent.Sub(now) > credit {
		return false
	}
	takes := time.Duration(float64(n) / float64(rate) * float64(time.Second))
	l.next, l.urgent = later(l.next, now).Add(takes), later(l.urgent, now).Add(takes)
	return true
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
