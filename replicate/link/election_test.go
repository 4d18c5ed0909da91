package link

import (
	"testing"
	"time"
)

// The rules of the election, for the node that prefers its own connections and
// for the one that prefers the other's.
func TestBetter(t *testing.T) {
	opt := Options{}.withDefaults()
	at := func(dialled bool, silent time.Duration) *conn {
		return &conn{dialled: dialled, raw: &meter{start: time.Now().Add(-silent)}}
	}
	const lively, dead = 0, time.Minute
	for _, c := range []struct {
		name   string
		prefer bool
		c, old *conn
		want   bool
	}{
		{"own, over the peer's", true, at(true, lively), at(false, lively), true},
		{"the peer's, over own", true, at(false, lively), at(true, lively), false},
		{"the peer's, over own that is dead", true, at(false, lively), at(true, dead), true},
		{"the peer's, over the one it gave up", true, at(false, lively), at(false, lively), true},
		{"the preferred peer's, over own", false, at(false, lively), at(true, lively), true},
		{"own, over the preferred peer's", false, at(true, lively), at(false, lively), false},
		{"own, over the preferred peer's that is dead", false, at(true, lively), at(false, dead), true},
	} {
		e := &Endpoint{hub: &Hub{opt: opt, prefer: c.prefer}}
		if got := e.better(c.c, c.old); got != c.want {
			t.Errorf("%s: got %v", c.name, got)
		}
	}
}

// Pauses grow, stay below the maximum, and are not the same on two nodes.
func TestBackoff(t *testing.T) {
	e := newEndpoint(&Hub{opt: Options{Address: "tgt-b:7722"}.withDefaults()}, "images")
	seen := make(map[time.Duration]bool)
	var longest time.Duration
	for i := range 20 {
		d := e.backoff()
		if i == 0 && d > 200*time.Millisecond || d > 4*time.Second || d <= 0 {
			t.Errorf("pause %d is %v", i, d)
		}
		longest = max(longest, d)
		seen[d] = true
	}
	if longest < 2*time.Second || len(seen) < 10 {
		t.Errorf("longest pause %v, %d different ones", longest, len(seen))
	}
	if s := e.State(); s.Next.Before(time.Now()) {
		t.Errorf("next attempt at %v", s.Next)
	}
}

func TestOnce(t *testing.T) {
	var o once
	now := time.Now()
	if o.look("a", now) != fresh || o.look("a", now.Add(time.Minute)) != known || o.look("b", now) != fresh {
		t.Error("the first time is said, and the second is not")
	}
	if o.look("a", now.Add(time.Hour)) != fresh {
		t.Error("after an hour it is said again")
	}
	said := map[news]int{}
	for i := range 10 * maxSeen {
		said[o.look(time.Duration(i).String(), now.Add(time.Hour))]++
	}
	if said[fresh] != maxSeen-1 || said[tooMany] != 1 || len(o.seen) > maxSeen+1 {
		t.Errorf("of many different ones are said: %v, and remembered: %d", said, len(o.seen))
	}
}
