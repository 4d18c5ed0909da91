package replicate

import (
	"context"
	"time"

	"duet/scan"
)

// In a storm, events are posted no more often than every storm beat: each time costs
// a turn of the loop, and a path is not looked at before it has settled anyway.
const (
	maxEvents   = 1000                  // that are posted together
	stormEvents = 32                    // within stormWithin are a storm
	stormWithin = 10 * time.Millisecond // or a little more
	stormBeat   = 2 * time.Millisecond
)

// watch starts the watcher of a newly opened root.
func (l *loop) watch(w scan.Watcher) {
	ctx := l.root.ctx
	l.start(func() func() {
		var since time.Time // the events of late are counted from then on
		n := 0
		for {
			evs := await(ctx, w)
			if evs == nil {
				return nil
			}
			now := time.Now()
			l.s.post(func() { l.happened(evs, time.Now()) })
			if now.Sub(since) > stormWithin {
				since, n = now, 0
			}
			if n += len(evs); n >= stormEvents {
				time.Sleep(stormBeat)
				l.s.doors.Turn("events", 0)
			}
		}
	})
}

// await returns the next events of a watcher; nil at its end.
func await(ctx context.Context, w scan.Watcher) []scan.Event {
	var evs []scan.Event
	select {
	case ev, ok := <-w.Events():
		if !ok {
			return nil
		}
		evs = append(evs, ev)
	case <-ctx.Done():
		return nil
	}
	for len(evs) < maxEvents {
		select {
		case ev, ok := <-w.Events():
			if !ok {
				return evs
			}
			evs = append(evs, ev)
		default:
			return evs
		}
	}
	return evs
}
