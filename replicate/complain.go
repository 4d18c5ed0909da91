package replicate

import (
	"sync/atomic"
	"time"

	"duet/replicate/gauge"
	"duet/replicate/rounds"
	"duet/replicate/talk"
	"duet/replicate/trouble"
	"duet/replicate/wire"
	"duet/store/index"
)

// complaints bound the lines of log that single paths bring about: a peer can
// announce a million of them that come to nothing.
type complaints struct {
	lately gauge.Lately
	left   int64 // out, since the last line
}

// maxComplaints is how many of these lines there may be in a minute.
const maxComplaints = 20

// complain logs what is wrong with one path, or with what the peer wants of it.
func (l *loop) complain(now time.Time, what string, args ...any) {
	c := &l.complaints
	if c.lately.Sum(now) >= maxComplaints {
		c.left++
		return
	}
	c.lately.Add(1, now)
	if c.left > 0 {
		args = append(args, "lines_left_out", c.left)
		c.left = 0
	}
	l.log.Warn(what, append(args, "peer", l.s.cfg.PeerName)...)
}

// strange returns what is to be called when the peer asks for contents that it
// was never told of. One line stands for all that it asks until the loop gets
// to it.
func (l *loop) strange(sess *talk.Session) func(index.Path) {
	var times atomic.Int64
	return func(p index.Path) {
		if times.Add(1) > 1 {
			return
		}
		l.s.post(func() {
			n := times.Swap(0)
			if l.talk.sess == sess {
				l.complain(time.Now(), "peer asks for contents that it was not told of: it gets none", "path", p.String(), "times", n)
			}
		})
	}
}

// fails notes that the peer's state of a path could not be installed.
func (l *loop) fails(p index.Path, err error, now time.Time) {
	l.trouble.Fail(p, err, now)
	l.shown(p, now)
}

// shown logs what is wrong with a path when that has just come to be shown.
func (l *loop) shown(p index.Path, now time.Time) {
	if tries, err := l.trouble.Failed(p); tries == trouble.Shown {
		l.complain(now, "a path cannot be synced: it is tried again", "path", p.String(), "error", trouble.Advise(err))
	}
}

// renewed forgets the trouble with what the peer had something else in place of by
// then: now it has told of that, and a wait of up to a minute would be for nothing.
func (l *loop) renewed(msgs []*wire.Changes) {
	for _, m := range msgs {
		for i := range m.Changes {
			if _, err := l.trouble.Failed(m.Changes[i].Path); rounds.Outdated(err) {
				l.trouble.Clear(m.Changes[i].Path)
			}
		}
	}
}
