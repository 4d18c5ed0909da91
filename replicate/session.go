package replicate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"duet/replicate/book"
	"duet/replicate/gauge"
	"duet/replicate/inquiry"
	"duet/replicate/link"
	"duet/replicate/talk"
	"duet/replicate/transfer"
	"duet/replicate/wire"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// maxServed bounds the streams on which the peer fetches at a time; it needs
// four, for each of two large contents one for its chunks, and eight for their parts. On each it can make
// this node hold several requests, of a megabyte each.
const maxServed = 16

// maxSessions is how many sessions a peer may begin in a minute. Each costs
// lines of log, and perhaps a pass over the index; a link that comes and goes
// makes some twenty.
const maxSessions = 120

// conversation is what is said with the peer, as the loop sees it.
type conversation struct {
	sess         *talk.Session
	theirs       *wire.Hello // what the peer said first; nil until then
	serving      int         // streams on which the peer fetches, at most maxServed
	asked        int         // streams on which the peer asks about our index, at most maxAsked
	greeted      bool        // both hellos are exchanged and fit
	said         bool        // our hello is on its way
	scanning     bool        // the peer's first scan of all goes on: what it has not told of, it may have
	held         bool        // nothing is applied until a person releases it
	heldWhy      string
	reserve      *index.Reserve // what a person here has left out of a plan; nil: nothing
	theirReserve *index.Reserve // and there, as last heard
	before       before         // the last session of this process
	guard        *wire.Guard    // of the peer's tree, as last heard; nil: not yet
	guardAt      time.Time      // when that was
	saidGuard    *wire.Guard    // of this one, as the peer was last told; nil: not in this session
	together     time.Time      // when to write down next that we are connected
	since        time.Time      // of the last change of connectedness
	why          string         // why there is no session
	opened       time.Time      // by this host's clock, when the connection came
	skew         time.Duration  // how far the peer's clock is ahead of this host's, at least
	met          gauge.Lately   // sessions
	weary        bool           // there were too many lately
	orders       gauge.Lately   // of the peer's people, to hold and to go on
	goesOn       func()         // what the last of them wants once all is heard that came before; nil: done
	mending      talk.Mending   // of histories
	ruling       talk.Mending   // of ignore rules

	head  index.Seq       // the peer's last position, as last told
	heard index.Seq       // committed
	acked index.Seq       // the peer has heard us up to here
	saved index.Seq       // of acked, committed
	whole index.Seq       // ours: all that was deleted here is told up to there
	came  index.Seq       // up to here it has come, if only into the inbox
	inbox []*wire.Changes // bounded by the session
	owes  bool            // an ack has to be sent

	stuck, theirStuck wire.Stuck // what either waits for, as last said
	theirWhole        index.Seq  // whole, of the peer's journal
	wholeDue          bool       // that is not heard up to there
}

func (t *conversation) wake() {
	if t.sess != nil {
		t.sess.Wake()
	}
}

// together reports whether the peer hears of changes as they happen.
func (l *loop) together() bool { return l.talk.greeted }

// drained reports whether we have heard all that the peer had to say.
func (l *loop) drained() bool {
	t := &l.talk
	return t.greeted && !t.scanning && len(t.inbox) == 0 && t.heard >= t.head
}

// connected takes a new connection in place of the one before.
func (l *loop) connected(conn link.Conn) {
	l.hangup(ending{how: index.EndedCut, text: "a new connection replaced this one"})
	now := time.Now()
	if n := l.talk.met.Sum(now); n >= maxSessions {
		if !l.talk.weary {
			l.log.Warn("peer connects again and again: it has to wait for a minute", "peer", l.s.cfg.PeerName, "connections", n, "within", time.Minute,
				"last_error", l.talk.why)
		}
		l.talk.weary = true
		l.refuse(conn, fmt.Sprintf("%s has had %d connections within %v: wait a minute", l.s.cfg.NodeName, n, time.Minute))
		return
	}
	l.talk.weary = false
	l.talk.met.Add(1, now)
	switch {
	case l.stopping:
		l.refuse(conn, l.s.cfg.NodeName+" stops")
		return
	case l.root.halt != "":
		l.refuse(conn, "share halted on "+l.s.cfg.NodeName+": "+l.root.reason)
		return
	}
	sess := talk.New(l.ctx, conn, l.s.book)
	sess.Limit, sess.Soon = l.s.cfg.Limit, l.s.cfg.Soon
	sess.Woken = func() { l.s.doors.Turn("feed", 0) }
	l.talk.sess, l.talk.theirs, l.talk.serving, l.talk.asked = sess, nil, 0, 0
	l.talk.said, l.talk.greeted, l.talk.scanning = false, false, false
	l.talk.since, l.talk.opened = now, l.s.now()
	l.talk.inbox = nil
	l.start(func() func() {
		select {
		case <-conn.Done():
		case <-sess.Ctx.Done():
			sess.HangUp()
			<-conn.Done()
		}
		sess.Close()
		return func() { l.parted(sess, conn.Err()) }
	})
}

// refuse tells the peer why this share does not talk, and hangs up.
func (l *loop) refuse(conn link.Conn, text string) {
	ctx, cancel := context.WithTimeout(l.ctx, 2*time.Second)
	l.start(func() func() {
		defer cancel()
		talk.Refuse(ctx, conn, text)
		return nil
	})
}

// hangup ends the session, if there is one.
func (l *loop) hangup(e ending) {
	sess := l.talk.sess
	if sess == nil {
		return
	}
	if e.say != 0 {
		sess.Leave(e.say, e.text)
	}
	sess.Close()
	l.parted(sess, e)
}

// parted takes note that a session has ended.
func (l *loop) parted(sess *talk.Session, err error) {
	t := &l.talk
	if t.sess != sess {
		return
	}
	if t.greeted {
		l.log.Info("disconnected from peer", "peer", l.s.cfg.PeerName, "reason", err)
		why := "unknown"
		if err != nil {
			why = err.Error()
		}
		if t.held {
			l.log.Debug("nothing was applied: the outage before goes on")
		} else {
			how := howEnded(err)
			t.before = before{how, t.theirs.Life}
			l.remember(func(m *store.Meta) { m.Parted, m.PartedWhy, m.PartedHow = l.s.now().UnixNano(), why, how })
		}
	}
	if err != nil {
		t.why = cmp.Or(link.Said(err), err.Error())
	}
	t.sess, t.greeted, t.said, t.held, t.scanning = nil, false, false, false, false
	t.inbox, t.goesOn, t.since = nil, nil, time.Now()
	t.stuck, t.theirStuck = wire.Stuck{}, wire.Stuck{}
	l.rounds.Parted()
}

// broke ends a session from one of its own goroutines.
func (l *loop) broke(sess *talk.Session, err error) {
	if sess.Ctx.Err() == nil && wire.IsImpossible(err) {
		l.s.post(func() { l.misheard(sess, err) })
		return
	}
	if sess.Over() {
		return
	}
	l.s.post(func() {
		if l.talk.sess == sess {
			sess.Close()
			if !errors.Is(err, io.EOF) {
				l.log.Warn("session ended", "peer", l.s.cfg.PeerName, "error", err)
			}
			l.parted(sess, err)
		}
	})
}

// greet says hello once the first scan is done: before, this node does not
// know what it has. Only if it never knew of anything it may say so and begin to
// tell what it finds. What was said in the session before is written down first,
// if that has begun: the peer is to go on behind it.
func (l *loop) greet() {
	t := &l.talk
	if t.sess == nil || t.said || l.lane.hearing || !l.root.ready && !l.root.fresh {
		return
	}
	t.said = true
	sess := t.sess
	if !l.root.ready {
		l.greetEarly(sess)
		return
	}
	hello, err := l.s.hello()
	if err != nil {
		l.indexFailed("say hello", err)
		return
	}
	hello.Guard = l.guard(time.Now())
	l.start(func() func() {
		theirs, err := sess.Greet(hello)
		if wire.IsImpossible(err) {
			return func() { l.misheard(sess, err) }
		}
		if err != nil {
			sess.Close()
			return func() { l.parted(sess, err) }
		}
		return func() { l.met(sess, hello, theirs) }
	})
}

// greetEarly is greet while the first scan of all goes on.
func (l *loop) greetEarly(sess *talk.Session) {
	scanned := l.root.scanned
	l.start(func() func() {
		ours, theirs, err := sess.GreetEarly(scanned, l.s.hello)
		if wire.IsImpossible(err) {
			return func() { l.misheard(sess, err) }
		}
		if err != nil {
			sess.Close()
			return func() { l.parted(sess, err) }
		}
		return func() { l.met(sess, ours, theirs) }
	})
}

// foundAll tells the session, if there is one, that the first scan is over.
func (l *loop) foundAll() {
	sess := l.talk.sess
	if sess == nil {
		return
	}
	head, err := l.s.book.Head()
	if err != nil {
		l.indexFailed("end the first scan", err)
		return
	}
	sess.Scanned(head)
}

// accepted takes a stream that the peer has opened.
func (l *loop) accepted(sess *talk.Session, stream link.Stream, src transfer.Source) {
	switch stream.Kind() {
	case transfer.StreamKind:
		l.serve(sess, stream, src)
	case inquiry.StreamKind:
		l.respond(sess, stream)
	default:
		stream.Close()
	}
}

// serve serves the peer the contents that it fetches on a stream.
func (l *loop) serve(sess *talk.Session, stream link.Stream, src transfer.Source) {
	l.s.post(func() {
		t := &l.talk
		if l.stopping || t.sess != sess || t.serving == maxServed {
			stream.Close()
			return
		}
		t.serving++
		l.start(func() func() {
			err := transfer.Serve(sess.Ctx, stream, src, l.s.cfg.Limit, &l.s.chunks)
			return func() {
				if t.sess == sess {
					t.serving--
				}
				l.served(sess, "serve contents", err)
			}
		})
	})
}

// served takes note of the end of a stream that the peer has opened. That it
// breaks off is its own affair; what no honest peer says on one ends the session.
func (l *loop) served(sess *talk.Session, what string, err error) {
	switch {
	case err == nil || sess.Ctx.Err() != nil:
	case wire.IsImpossible(err):
		l.misheard(sess, err)
	default:
		l.log.Debug(what, "peer", l.s.cfg.PeerName, "error", err)
	}
}

// ear is what the loop does about what a session hears.
func (l *loop) ear(sess *talk.Session) talk.Ear {
	post := func(f func()) {
		l.s.post(func() {
			if l.talk.sess == sess {
				f()
			}
		})
	}
	return talk.Ear{
		Changes:  func(m *wire.Changes) { post(func() { l.changes(m) }) },
		Ack:      func(m *wire.Ack) { post(func() { l.heardUs(m) }) },
		Held:     func() { post(l.heldBy) },
		Released: func(but *index.Reserve) { post(func() { l.releasedBy(but) }) },
	}
}

// heardUs takes note of how far the peer has heard us.
func (l *loop) heardUs(m *wire.Ack) {
	l.talk.acked, l.talk.theirStuck = max(l.talk.acked, m.Heard), m.Stuck
	l.hearGuard(m.Guard, time.Now())
	if m.Whole > l.talk.theirWhole {
		l.talk.theirWhole, l.talk.wholeDue = m.Whole, true
		l.heardWhole()
	}
	l.rounds.Told()
}

// changes takes what the peer said into the inbox.
func (l *loop) changes(m *wire.Changes) {
	t := &l.talk
	t.head, t.scanning = max(t.head, m.Head), t.scanning && m.Scanning
	t.came = m.Through
	t.inbox = append(t.inbox, m)
	l.rounds.Remember(m)
}

// dropSnapshots removes the copies that the peer has by now.
func (l *loop) dropSnapshots(agreed []index.Path) {
	var names []vfs.Held
	for _, p := range agreed {
		if h, ok := l.notice.snaps[p]; ok {
			delete(l.notice.snaps, p)
			names = append(names, book.SnapshotName(h))
		}
	}
	if len(names) == 0 || l.root.ctx == nil {
		return
	}
	files := l.root.files
	l.start(func() func() {
		for _, h := range names {
			if err := files.RemoveHeld(h); err != nil {
				return func() { l.log.Debug("remove a snapshot", "error", err) }
			}
		}
		return nil
	})
}
