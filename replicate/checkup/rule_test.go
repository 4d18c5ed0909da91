package checkup

import (
	"context"
	"testing"
	"time"

	"duet/replicate/post"
	"duet/store"
)

// When a verification begins by itself: neither at every start, nor never on a
// host that is started every day.
func TestWhenByRule(t *testing.T) {
	start := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	ago := func(d time.Duration) int64 { return start.Add(-d).UnixNano() }
	for name, test := range map[string]struct {
		every time.Duration
		last  store.Verified
		half  store.Verified
		room  time.Duration
		blank bool // the root is not scanned yet
		want  time.Duration
	}{
		"never done":                 {every: 7 * day, want: time.Hour},
		"oftener than that":          {every: time.Minute, want: time.Minute},
		"done, not due":              {every: 7 * day, last: store.Verified{Ended: ago(2 * day)}, want: 5 * day},
		"done, due within the hour":  {every: 7 * day, last: store.Verified{Ended: ago(7*day - time.Minute)}, want: time.Hour},
		"done long ago":              {every: 7 * day, last: store.Verified{Ended: ago(100 * day)}, want: time.Hour},
		"interrupted":                {every: 7 * day, last: store.Verified{Ended: ago(8 * day)}, half: store.Verified{Began: ago(day)}, want: 5 * time.Minute},
		"a person is about to begin": {every: time.Second, room: roomFor, want: roomFor},
		"not wanted":                 {every: 0, want: -1},
		"no scan":                    {every: day, blank: true, want: -1},
	} {
		loop := &post.Loop{Now: func() post.Now { return post.Now{Root: context.Background(), Ready: !test.blank} }}
		c := New(Options{Every: test.every, Clock: func() time.Time { return start }, Loop: loop})
		c.contents, c.half = test.last, test.half
		if test.room > 0 {
			c.room = start.Add(test.room)
		}
		begun := 0
		loop.Start = func(func() func()) { begun++ }
		c.ByRule(start)
		due := c.Due()
		if test.want < 0 {
			if c.ByRule(start.Add(365 * day)); !due.IsZero() || begun != 0 {
				t.Errorf("%s: due %v, begun %d", name, due, begun)
			}
			continue
		}
		if got := due.Sub(start); got != test.want || begun != 0 {
			t.Errorf("%s: due after %v, want %v; begun %d", name, got, test.want, begun)
		}
		c.ByRule(due.Add(-time.Millisecond))
		if begun != 0 {
			t.Errorf("%s: begun too early", name)
		}
		c.ByRule(due)
		c.ByRule(due)
		if begun != 1 || !c.Due().IsZero() {
			t.Errorf("%s: begun %d times, due again %v", name, begun, c.Due())
		}
	}
}
