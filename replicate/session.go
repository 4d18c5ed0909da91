package replicate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"duet/replicate/gauge"
	"duet/replicate/inquiry"
	"duet/replicate/link"
	"duet/replicate/transfer"
	"duet/replicate/wire"
	"duet/store"
	"duet/store/index"
)

// Protocol versions that this program speaks.
const (
	protocol       = wire.Protocol
	oldestProtocol = wire.Oldest
)

// controlKind is the kind of the stream that carries everything but contents.
// The node that dialled opens it.
const controlKind = "control"

// session is one connection's conversation. Its goroutines end with its
// context; what they learn they post.
type session struct {
	s       *Share
	conn    link.Conn
	ctx     context.Context
	cancel  context.CancelFunc
	stream  link.Stream   // set before anything is said
	hello   *wire.Hello   // the peer's; nil until it was heard
	wakeup  chan struct{} // capacity 1: the journal has grown
	say     chan wire.Msg // bounded: acks and controls
	fetch   *transfer.Fetcher
	serving int           // streams on which the peer fetches, at most maxServed; the loop's
	asked   int           // streams on which the peer asks about our index, at most maxAsked; the loop's
	told    atomic.Uint64 // our position up to which the peer was told, or is just being told
}

// maxServed bounds the streams on which the peer fetches at a time; it needs
// four. On each it can make this node hold several requests, of a megabyte each.
const maxServed = 8

// sayMost bounds what waits to be said besides changes.
const sayMost = 16

// maxSessions is how many sessions a peer may begin in a minute. Each costs
// lines of log, and perhaps a pass over the index; a link that comes and goes
// makes some twenty.
const maxSessions = 120

// talk is the conversation with the peer, as the loop sees it.
type talk struct {
	sess    *session
	greeted bool      // both hellos are exchanged and fit
	said    bool      // our hello is on its way
	held    bool      // nothing is applied until a person releases it
	since   time.Time // of the last change of connectedness
	why     string    // why there is no session
	skew    time.Duration
	met     gauge.Minute // sessions
	weary   bool         // there were too many lately
	mending mending

	head  index.Seq       // the peer's last position, as last told
	heard index.Seq       // committed
	acked index.Seq       // the peer has heard us up to here
	saved index.Seq       // of acked, committed
	inbox []*wire.Changes // at most maxInbox
	room  chan struct{}   // a token for each place in the inbox
	owes  bool            // an ack has to be sent
}

func (t *talk) wake() {
	if t.sess == nil {
		return
	}
	select {
	case t.sess.wakeup <- struct{}{}:
	default:
	}
}

// together reports whether the peer hears of changes as they happen.
func (l *loop) together() bool { return l.talk.greeted }

// drained reports whether we have heard all that the peer had to say.
func (l *loop) drained() bool {
	t := &l.talk
	return t.greeted && len(t.inbox) == 0 && t.heard >= t.head
}

// connected takes a new connection in place of the one before.
func (l *loop) connected(conn link.Conn) {
	l.hangup("a new connection replaced this one")
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
	ctx, cancel := context.WithCancel(l.ctx)
	sess := &session{
		s: l.s, conn: conn, ctx: ctx, cancel: cancel,
		wakeup: make(chan struct{}, 1), say: make(chan wire.Msg, sayMost),
	}
	l.talk.sess = sess
	l.talk.said, l.talk.greeted = false, false
	l.talk.since = now
	l.talk.room = make(chan struct{}, maxInbox)
	l.talk.inbox = nil
	l.start(func() func() {
		select {
		case <-conn.Done():
		case <-ctx.Done():
			conn.Close()
			<-conn.Done()
		}
		cancel()
		return func() { l.parted(sess, conn.Err()) }
	})
}

// refuse tells the peer why this share does not talk, and hangs up.
func (l *loop) refuse(conn link.Conn, text string) {
	ctx, cancel := context.WithTimeout(l.ctx, 2*time.Second)
	l.start(func() func() {
		defer cancel()
		defer conn.Close()
		if stream, err := control(ctx, conn); err == nil {
			wire.WriteMsg(stream, &wire.Control{Kind: wire.Refuse, Text: text})
			stream.Close()
			select {
			case <-conn.Done():
			case <-ctx.Done():
			}
		}
		return nil
	})
}

// control opens or accepts the control stream.
func control(ctx context.Context, conn link.Conn) (link.Stream, error) {
	if conn.Dialled() {
		return conn.Open(ctx, controlKind)
	}
	stream, err := conn.Accept(ctx)
	if err == nil && stream.Kind() != controlKind {
		stream.Close()
		return nil, fmt.Errorf("peer opened a %s stream before the control stream", stream.Kind())
	}
	return stream, err
}

// hangup ends the session, if there is one.
func (l *loop) hangup(why string) {
	sess := l.talk.sess
	if sess == nil {
		return
	}
	sess.cancel()
	l.parted(sess, errors.New(why))
}

// parted takes note that a session has ended.
func (l *loop) parted(sess *session, err error) {
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
			l.remember(func(m *store.Meta) { m.Parted, m.PartedWhy = l.s.now().UnixNano(), why })
		}
	}
	if err != nil {
		t.why = err.Error()
	}
	t.sess, t.greeted, t.said, t.held = nil, false, false, false
	t.inbox, t.since = nil, time.Now()
	l.rounds.parted()
}

// fail ends a session from one of its own goroutines.
func (sess *session) fail(l *loop, err error) {
	if sess.ctx.Err() != nil {
		return
	}
	if wire.IsImpossible(err) {
		sess.s.post(func() { l.misheard(sess, err) })
		return
	}
	// If the connection has ended, it knows better why.
	select {
	case <-sess.conn.Done():
		return
	case <-time.After(time.Second):
	}
	sess.s.post(func() {
		if l.talk.sess == sess {
			sess.cancel()
			if !errors.Is(err, io.EOF) {
				l.log.Warn("session ended", "peer", l.s.cfg.PeerName, "error", err)
			}
			l.parted(sess, err)
		}
	})
}

// greet says hello once the first scan is done: before, this node does not
// know what it has.
func (l *loop) greet() {
	t := &l.talk
	if t.sess == nil || t.said || !l.root.ready {
		return
	}
	t.said = true
	sess := t.sess
	hello, err := l.s.hello()
	if err != nil {
		l.indexFailed("say hello", err)
		return
	}
	l.start(func() func() {
		theirs, err := sess.greet(hello)
		if wire.IsImpossible(err) {
			return func() { l.misheard(sess, err) }
		}
		if err != nil {
			sess.cancel()
			return func() { l.parted(sess, err) }
		}
		return func() { l.met(sess, hello, theirs) }
	})
}

// greet exchanges hellos.
func (sess *session) greet(ours *wire.Hello) (*wire.Hello, error) {
	stream, err := control(sess.ctx, sess.conn)
	if err != nil {
		return nil, fmt.Errorf("open the control stream: %w", err)
	}
	sess.stream = stream
	if err := wire.WriteMsg(stream, ours); err != nil {
		return nil, fmt.Errorf("say hello: %w", err)
	}
	m, err := hearMsg(stream)
	if err != nil {
		return nil, fmt.Errorf("wait for the peer's hello: %w", err)
	}
	switch m := m.(type) {
	case *wire.Hello:
		return m, nil
	case *wire.Control:
		return nil, fmt.Errorf("peer says: %s", m.Text)
	}
	return nil, wire.Impossible("peer began with a %T", m)
}

// accept serves the streams on which the peer fetches, and asks.
func (sess *session) accept(l *loop, src transfer.Source) {
	for {
		stream, err := sess.conn.Accept(sess.ctx)
		if err != nil {
			return
		}
		switch stream.Kind() {
		case transfer.StreamKind:
		case inquiry.StreamKind:
			sess.answer(l, stream)
			continue
		default:
			stream.Close()
			continue
		}
		sess.s.post(func() {
			if l.stopping || l.talk.sess != sess || sess.serving == maxServed {
				stream.Close()
				return
			}
			sess.serving++
			l.start(func() func() {
				err := transfer.Serve(sess.ctx, stream, src)
				return func() {
					sess.serving--
					if err != nil && sess.ctx.Err() == nil {
						l.log.Debug("serve contents", "error", err)
					}
				}
			})
		})
	}
}

// read hears the peer until the session ends.
func (sess *session) read(l *loop, room chan struct{}) error {
	for {
		m, err := hearMsg(sess.stream)
		if err != nil {
			return fmt.Errorf("hear the peer: %w", err)
		}
		switch m := m.(type) {
		case *wire.Changes:
			select {
			case room <- struct{}{}:
			case <-sess.ctx.Done():
				return sess.ctx.Err()
			}
			sess.s.post(func() { l.changes(sess, m) })
		case *wire.Ack:
			if told := sess.told.Load(); uint64(m.Heard) > told {
				return wire.Impossible("peer acknowledges position %d, it was told up to %d", m.Heard, told)
			}
			sess.s.post(func() { l.ack(sess, m.Heard) })
		case *wire.Control:
			if err := sess.control(l, m); err != nil {
				return err
			}
		default:
			return wire.Impossible("peer sent a %T on the control stream", m)
		}
	}
}

// hearMsg reads a message; one that is none is the peer's fault.
func hearMsg(stream link.Stream) (wire.Msg, error) {
	m, err := wire.ReadMsg(stream)
	var invalid *wire.InvalidError
	if errors.As(err, &invalid) {
		return nil, wire.Impossible("%v", err)
	}
	return m, err
}

func (sess *session) control(l *loop, m *wire.Control) error {
	switch m.Kind {
	case wire.Hold:
		sess.s.post(func() {
			if l.talk.sess == sess {
				l.talk.held = true
			}
		})
	case wire.Release:
		sess.s.post(func() {
			if l.talk.sess == sess {
				l.released()
			}
		})
	case wire.Bye, wire.Refuse:
		return fmt.Errorf("peer says: %s", m.Text)
	}
	return nil
}

// changes takes what the peer said into the inbox.
func (l *loop) changes(sess *session, m *wire.Changes) {
	t := &l.talk
	if t.sess != sess {
		return
	}
	t.head = max(t.head, m.Head)
	t.inbox = append(t.inbox, m)
	l.rounds.remember(m)
}

// ack takes note of how far the peer has heard us.
func (l *loop) ack(sess *session, heard index.Seq) {
	if l.talk.sess == sess {
		l.talk.acked = max(l.talk.acked, heard)
	}
}
