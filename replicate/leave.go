package replicate

import (
	"context"
	"fmt"
	"time"

	"duet/replicate/book"
	"duet/replicate/link"
	"duet/replicate/report"
	"duet/replicate/wire"
	"duet/store/index"
)

// Approve lets deletes that wait for approval happen. id is that of the
// waiting deletes, or of one group of them, "" for whatever waits now.
func (s *Share) Approve(ctx context.Context, id string) error {
	return s.do(ctx, func(l *loop, done chan<- error) {
		if !l.root.emptied {
			l.say(id, false, done)
			return
		}
		if err := wrongID(id); err != nil {
			done <- err
			return
		}
		l.root.acceptGap, l.root.emptied = true, false
		l.journal(index.Approved, index.ByUser, s.cfg.Node, "that everything is gone: the root was found empty")
		done <- nil
	})
}

// Reject keeps deletes that wait for approval from happening: what is here stays,
// and goes back to where it was deleted. Of a root that was found empty, it
// forgets what was in it: all that the peer has comes back from there.
func (s *Share) Reject(ctx context.Context, id string) error {
	return s.do(ctx, func(l *loop, done chan<- error) {
		if !l.root.emptied {
			l.say(id, true, done)
			return
		}
		if err := wrongID(id); err != nil {
			done <- err
			return
		}
		l.refill(done)
	})
}

func wrongID(id string) error {
	if id == "" || id == report.EmptiedID {
		return nil
	}
	return fmt.Errorf("%s does not wait for approval; what waits is %s", id, report.EmptiedID)
}

// say writes down what a person says of the deletes that wait, so that a
// restart does not ask again.
func (l *loop) say(id string, reject bool, done chan<- error) {
	said, note, err := l.rounds.Answer(id, reject)
	if s := l.talk.theirStuck; err != nil && l.rounds.Waiting() == nil && s.For == wire.ForApproval {
		err = fmt.Errorf("nothing waits for approval on %s; what waits on %s is decided there: %s", l.s.cfg.NodeName, l.s.cfg.PeerName, s.Text)
	}
	if err != nil {
		done <- err
		return
	}
	what := index.Approved
	if reject {
		what = index.Rejected
	}
	l.ask(func() func() {
		err := l.s.book.Leave(said, what, note)
		return func() {
			if err == nil {
				l.rounds.Leave(said...)
				l.talk.owes = true
				l.sayAck()
				l.talk.wake() // there is a line in the journal
				l.publishNow(time.Now())
			}
			done <- err
		}
	})
}

// spare keeps alive what a person wants to stay, as many paths as one commit
// should have. Until it is written nothing is done about them.
func (l *loop) spare(paths []index.Path, leaves book.Leaves) {
	var mine []index.Path
	for _, p := range paths {
		if l.rounds.Hold(p) {
			mine = append(mine, p)
		}
	}
	l.ask(func() func() {
		err := l.s.book.Spare(mine, leaves)
		return func() {
			for _, p := range mine {
				l.rounds.Free(p)
			}
			if err != nil {
				l.indexFailed("keep alive what must not be deleted", err)
			}
			l.talk.wake()
		}
	})
}

// refill forgets what was in a root that was found empty: then nothing of it
// can count as deleted, and the peer has it all.
func (l *loop) refill(done chan<- error) {
	l.hangup(ending{index.EndedHalted, link.Anew, "the root of " + l.s.cfg.NodeName + " was found empty, and a person wants it filled again"})
	l.ask(func() func() {
		err := l.s.st.ForgetAll(l.s.now())
		if err == nil {
			err = l.s.book.Journal(index.Rejected, index.ByUser, l.s.cfg.Node, "that everything is gone: the root was found empty, and is filled from the peer")
		}
		return func() {
			if err != nil {
				l.indexFailed("forget what was in the root", err)
			} else {
				l.root.emptied = false
				l.log.Info("root was found empty: what the peer has comes back from there")
			}
			done <- err
		}
	})
}
