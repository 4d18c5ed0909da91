package link

import "time"

// What an idle process does from time to time it does at the same instants, which are
// also those of its peer where clocks agree: to be woken costs more than what there is
// to do, and all of it wakes the process once.

// NextBeat returns how long it is until the next of the instants that lie every apart.
// The one that is due just now counts as past, so that it may be a sixteenth longer:
// a timer may be early by the clock that it is compared with.
func NextBeat(now time.Time, every time.Duration) time.Duration {
	d := every - time.Duration(now.UnixNano()%int64(every))
	if d <= every/16 {
		d += every
	}
	return d
}

// lastBeat returns how long it is until the last of these instants within rest, or
// rest if there is none.
func lastBeat(now time.Time, every, rest time.Duration) time.Duration {
	d := NextBeat(now, every)
	if d > rest {
		return rest
	}
	return d + (rest-d)/every*every
}
