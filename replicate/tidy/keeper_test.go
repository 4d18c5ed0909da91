package tidy

import (
	"context"
	"testing"
	"time"

	"duet/replicate/expiry"
	"duet/replicate/post"
)

// One step at a time, at its time, and none while an order needs what is kept.
func TestWhenItKeeps(t *testing.T) {
	start := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	asked, ready := 0, true
	loop := &post.Loop{
		Now: func() post.Now { return post.Now{Root: context.Background(), Ready: ready} },
		Ask: func(func() func()) { asked++ },
	}
	o := Options{Limits: expiry.Limits{Versions: 3}, Every: time.Minute, Spread: 7, Loop: loop}
	k := New(o)
	k.Keep(start)
	due := k.Due()
	if d := due.Sub(start); d < 45*time.Second || d > 75*time.Second || asked != 0 {
		t.Fatalf("the first step is due after %v, asked %d", d, asked)
	}
	k.Keep(due.Add(-time.Millisecond))
	k.Hold(1)
	if k.Keep(due); asked != 0 || !k.Due().IsZero() {
		t.Errorf("while it is held: asked %d, due %v", asked, k.Due())
	}
	k.Hold(-1)
	ready = false
	if k.Keep(due); asked != 0 {
		t.Error("asked before the first scan was done")
	}
	ready = true
	k.Keep(due)
	if k.Keep(due.Add(time.Hour)); asked != 1 || !k.Due().IsZero() {
		t.Errorf("asked %d times, due %v", asked, k.Due())
	}
	// What is kept for ever needs one only for what transfers have left.
	o.Limits = expiry.Limits{}
	k, asked = New(o), 0
	steps := 0
	for k.Keep(start); asked == 0 && steps < 3*partsEvery; steps++ {
		k.Keep(k.Due())
	}
	if asked != 1 || steps < partsEvery/2 || steps > 2*partsEvery {
		t.Errorf("asked %d times after %d steps", asked, steps)
	}
}
