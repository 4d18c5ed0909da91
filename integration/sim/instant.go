package sim

import (
	"fmt"
	"hash/fnv"
	"time"
)

// In one instant of virtual time the order of things is up to the scheduler,
// and differs from run to run. So what may affect each other never shares one:
// nanoseconds are dealt out in turn to the two nodes, and of each to what wakes
// up there.
const (
	forLoop = iota
	forTimer
	forFeed
	forWork
	forEvents
	forCommit
	forCommitted
	forWire
	forFiles  // and the seven after it, by path
	sortsEach = 16
)

// round is how many nanoseconds it takes until all have had their turn.
const round = 2 * sortsEach

// after returns how long to wait for an instant of this sort that is at least
// d away.
func (n *node) after(d time.Duration, sort int) time.Duration {
	at := int64(time.Since(n.w.Trace.start) + d)
	mine := int64(2*sort) + int64(n.id)%2
	return d + time.Duration(((mine-at)%round+round)%round)
}

// files is the sort of operations on a path.
func files(path string) int {
	h := fnv.New32a()
	h.Write([]byte(path))
	return forFiles + int(h.Sum32()%(sortsEach-forFiles))
}

// turn is how long a goroutine of the share takes to wake up. What others do in
// the instant that woke it is then done, whichever processor was first.
func (l *life) turn(who string, n int) {
	if l.dead.Load() {
		return
	}
	sort := forWork
	switch who {
	case "loop":
		sort = forLoop
	case "timer":
		sort = forTimer
	case "feed":
		sort = forFeed
	}
	if l.n.w.Trace.Turns {
		l.n.w.Trace.put(line{who: l.n.name, what: fmt.Sprintf("%s %d wakes up", who, n), kind: chatty})
	}
	now := time.Since(l.n.w.Trace.start)
	x := l.chances.at(fmt.Sprint(who, n), uint64(now))
	l.sleep(x.between(0, time.Microsecond, 20*time.Microsecond), sort)
}

// sleep waits for an instant of a sort. It ends at once when the host crashes.
func (l *life) sleep(d time.Duration, sort int) {
	t := time.NewTimer(l.n.after(d, sort))
	defer t.Stop()
	select {
	case <-t.C:
	case <-l.fallen:
	}
}
