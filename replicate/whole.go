package replicate

import (
	"context"
	"time"

	"duet/scan"
)

// tellWhole tells the peer that all that was deleted here has been told, once
// that is so: nothing happens in the tree any more, what has happened is written
// down, and the kernel has nothing in its queue. The peer then need not wait
// before it counts what it is to delete.
func (l *loop) tellWhole(now time.Time) {
	n := &l.notice
	through, at := n.burst.Owed()
	if through == 0 || n.marking || now.Before(at) || !l.allNoticed() {
		return
	}
	n.marking = true
	ctx, watcher := l.root.ctx, l.root.watcher
	l.start(func() func() {
		told := l.s.hasTold(ctx, watcher)
		return func() {
			n.marking = false
			still, at := n.burst.Owed()
			if !told {
				n.burst.Told(through) // nobody can: the peer has to guess
				return
			}
			if still != through || time.Now().Before(at) || !l.allNoticed() {
				return // something has happened meanwhile: later
			}
			n.burst.Told(through)
			l.talk.whole, l.talk.owes = through, true
			l.sayAck()
		}
	})
}

// allNoticed reports whether all that is known to have happened in the tree is in
// the journal, and there is a peer to tell.
func (l *loop) allNoticed() bool {
	n := &l.notice
	return l.talk.greeted && l.root.ctx != nil && l.root.ready && n.blind == "" &&
		!n.scanning && n.dirty.Len() == 0 && !n.looks.Any() && len(l.lane.records) == 0
}

// wholeDue returns when tellWhole has something to do; zero if it has not.
func (l *loop) wholeDue() time.Time {
	if through, at := l.notice.burst.Owed(); through > 0 && !l.notice.marking && l.allNoticed() {
		return at
	}
	return time.Time{}
}

// noticeMost is how long to wait for what the kernel has not told yet: if that was
// lost, all of the tree is marked, and it does not matter.
const noticeMost = 2 * time.Second

// hasTold waits until a watcher has told what has happened by now. It is false if
// that cannot be known.
func (s *Share) hasTold(ctx context.Context, w scan.Watcher) bool {
	marker, ok := w.(interface {
		Mark(dir string) (<-chan struct{}, error)
	})
	if !ok {
		return w != nil
	}
	mark, err := marker.Mark(s.cfg.File + ".mark")
	if err != nil {
		s.log.Debug("it is not known whether all is noticed", "error", err)
		return false
	}
	select {
	case <-mark:
		return true
	case <-time.After(noticeMost):
	case <-ctx.Done():
	case <-s.stopped:
	}
	return false
}
