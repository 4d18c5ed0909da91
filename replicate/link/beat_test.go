package link

import (
	"testing"
	"time"
)

func TestBeat(t *testing.T) {
	const every = 1600 * time.Millisecond
	at := time.Unix(1600, 0) // an instant
	for _, c := range []struct{ after, next time.Duration }{
		{0, every},
		{time.Nanosecond, every - 1},
		{every / 2, every / 2},
		{every - every/16 - 1, every/16 + 1},
		{every - every/16, every/16 + every}, // that is the one that is due
		{every - 1, 1 + every},
	} {
		if got := NextBeat(at.Add(c.after), every); got != c.next {
			t.Errorf("%v after an instant the next is in %v, want %v", c.after, got, c.next)
		}
	}
	for _, c := range []struct{ after, rest, want time.Duration }{
		{0, every / 2, every / 2},
		{0, every, every},
		{0, every + 1, every},
		{0, 5*every - 1, 4 * every},
		{every / 2, every / 4, every / 4},
		{every / 2, every, every / 2},
		{every / 2, 2 * every, every/2 + every},
		{every / 2, 0, 0},
	} {
		if got := lastBeat(at.Add(c.after), every, c.rest); got != c.want {
			t.Errorf("%v after an instant the last within %v is in %v, want %v", c.after, c.rest, got, c.want)
		}
	}
}
