package replicate

import (
	"errors"
	"fmt"
	"time"

	"duet/recovery"
	"duet/replicate/transfer"
	"duet/replicate/wire"
	"duet/store"
	"duet/store/index"
)

// hello is what this node says first.
func (s *Share) hello() (*wire.Hello, error) {
	h := &wire.Hello{
		Protocol: protocol, Oldest: oldestProtocol, Version: s.cfg.Version,
		Share: s.cfg.Name, NodeName: s.cfg.NodeName, Node: s.cfg.Node,
		Conflict: s.cfg.Conflict, Deletes: s.cfg.Deletes, SpecialBits: s.cfg.SpecialBits,
		SyncOwners: s.facts.SyncOwners, Hold: s.cfg.OnReconnect == "hold",
		Clock: s.now().UnixNano(), Ignore: s.cfg.Ignore,
	}
	err := s.st.View(func(tx *store.Tx) error {
		m, err := tx.Meta()
		if err != nil {
			return err
		}
		c, err := tx.Counts()
		if err != nil {
			return err
		}
		h.Epoch, h.Head, h.Run = m.Epoch, tx.Head(), runAt(m.Runs, tx.Head())
		h.HeardEpoch, h.Heard, h.HeardRun = m.PeerEpoch, m.Heard, m.PeerRun
		h.Records = uint64(c.Records)
		return nil
	})
	return h, err
}

// meeting is what the writer lane made of two hellos.
type meeting struct {
	again   bool // the histories did not fit and have been mended: say hello again
	why     string
	err     error
	meta    store.Meta
	head    index.Seq
	stale   bool  // the index is settled by other ignore rules
	mended  bool  // at the cost of a pass over the index
	refused error // it would have to be mended, and that has been done too often
}

// met compares the two hellos, mends the histories if one of the indexes was
// lost or put back, and then lets the two nodes talk.
func (l *loop) met(sess *session, ours, theirs *wire.Hello) {
	if l.talk.sess != sess {
		return
	}
	sess.hello = theirs
	if err := l.s.fits(ours, theirs); err != nil {
		l.unfit(sess, err)
		return
	}
	rules, err := parsePeerRules(theirs)
	if err != nil {
		l.unfit(sess, err)
		return
	}
	mayMend := l.talk.mending.allowed(time.Now())
	l.ask(func() func() {
		began := time.Now()
		m := l.s.meet(theirs, mayMend)
		took := time.Since(began)
		if m.err == nil && !m.again && m.refused == nil {
			m.stale, m.err = l.s.hearRules(theirs.Ignore, rules)
		}
		return func() {
			if m.mended {
				l.talk.mending.note(took, time.Now())
			}
			l.resettle(sess, ours, m, index.Root)
		}
	})
}

// lastEpoch is the latest epoch of ours that a peer may bring up: of the year
// 2097. The next epoch has to be greater, and there have to be some left.
const lastEpoch index.Epoch = 0xf000_0000_0000_0000

// fits reports why two nodes cannot sync a share with each other.
func (s *Share) fits(ours, theirs *wire.Hello) error {
	if _, err := wire.Speak(ours, theirs); err != nil {
		return err
	}
	differ := func(key, here, there string) error {
		return fmt.Errorf("%s of share %q is %s here and %s on %s: both nodes must have the same, else they would not agree",
			key, s.cfg.Name, here, there, theirs.NodeName)
	}
	switch {
	case theirs.HeardEpoch > ours.Epoch && theirs.HeardEpoch > lastEpoch:
		return fmt.Errorf("%s remembers epoch %v of this index, which is beyond what any clock makes: its index of share %q is damaged, or it lies; set the share up anew there",
			theirs.NodeName, theirs.HeardEpoch, s.cfg.Name)
	case theirs.Share != ours.Share:
		return fmt.Errorf("peer speaks of share %q, not %q", theirs.Share, ours.Share)
	case theirs.Node != s.cfg.Peer:
		return fmt.Errorf("peer says it is node %v, its key says %v", theirs.Node, s.cfg.Peer)
	case theirs.NodeName != s.cfg.PeerName:
		return fmt.Errorf("peer calls itself %q: set peer.name to that (it is %q), or node on the other host", theirs.NodeName, s.cfg.PeerName)
	case theirs.Conflict != ours.Conflict:
		return differ("conflict", ours.Conflict, theirs.Conflict)
	case theirs.Deletes != ours.Deletes:
		return differ("deletes", ours.Deletes, theirs.Deletes)
	case theirs.SpecialBits != ours.SpecialBits:
		return differ("special_bits", fmt.Sprint(ours.SpecialBits), fmt.Sprint(theirs.SpecialBits))
	}
	return nil
}

// unfit ends a session that can never work as things are configured.
func (l *loop) unfit(sess *session, err error) {
	if l.talk.why != err.Error() {
		l.log.Error("cannot sync with peer", "peer", l.s.cfg.PeerName, "error", err)
	}
	sess.cancel()
	l.parted(sess, err)
}

// meet is met's part in the writer lane. mayMend says why the index must not be
// mended now; nil if it may.
func (s *Share) meet(theirs *wire.Hello, mayMend error) meeting {
	var m meeting
	var h recovery.Histories
	m.err = s.st.View(func(tx *store.Tx) error {
		var err error
		if m.meta, err = tx.Meta(); err != nil {
			return err
		}
		m.head = tx.Head()
		h = recovery.CheckHello(m.meta, m.head, recovery.Said{
			Epoch: theirs.Epoch, Head: theirs.Head,
			HeardEpoch: theirs.HeardEpoch, Heard: theirs.Heard, HeardRun: theirs.HeardRun,
		})
		return nil
	})
	m.why = h.Why
	m.mended = h.RolledBack || h.PeerForgot || h.NewPeer && m.meta.PeerEpoch != 0
	switch {
	case m.err != nil:
	case m.mended && mayMend != nil:
		m.mended, m.refused = false, mayMend
	case h.RolledBack, h.PeerForgot:
		m.again = true
		_, m.err = s.st.NewEpoch(s.now(), theirs.HeardEpoch)
	case h.PeerBehind:
		m.again = true // the peer mends itself and comes back
	case h.NewPeer:
		m.again = m.meta.PeerEpoch != 0
		if m.err = s.st.ForgetPeer(s.cfg.Peer, theirs.Epoch); m.err == nil {
			m.err = s.st.View(func(tx *store.Tx) (err error) {
				m.meta, err = tx.Meta()
				m.head = tx.Head()
				return err
			})
		}
	}
	return m
}

// begin starts the conversation.
func (l *loop) begin(sess *session, ours *wire.Hello, m meeting) {
	t := &l.talk
	if t.sess != sess || l.root.ctx == nil {
		return
	}
	if m.err != nil {
		l.indexFailed("meet the peer", m.err)
		return
	}
	if m.refused != nil {
		l.unfit(sess, m.refused)
		return
	}
	if m.why != "" {
		l.log.Warn("histories do not fit", "peer", l.s.cfg.PeerName, "why", m.why,
			"then", "both sides are united: nothing is deleted, what differs is a conflict")
	}
	if m.again {
		sess.cancel()
		l.parted(sess, errors.New(m.why))
		return
	}
	theirs := sess.hello
	t.greeted = true
	t.why = ""
	t.held = ours.Hold || theirs.Hold
	t.head, t.heard = theirs.Head, m.meta.Heard
	from := index.Seq(0)
	if theirs.HeardEpoch == m.meta.Epoch {
		from = theirs.Heard
	}
	t.acked, t.saved = from, m.meta.Acked
	t.skew = time.Duration(theirs.Clock - l.s.now().UnixNano())
	live := m.head
	if theirs.Records == 0 {
		live = 0
	}
	l.rounds.kick = true
	l.log.Info("connected to peer", "peer", l.s.cfg.PeerName, "version", theirs.Version, "to_hear", t.head-t.heard, "to_tell", m.head-from)
	if !t.held { // a look at the plan is not the end of an outage
		l.remember(func(m *metaTimes) { m.connected = l.s.now().UnixNano() })
	}
	l.converse(sess, from, live)
}

// converse starts the session's goroutines.
func (l *loop) converse(sess *session, from, live index.Seq) {
	files, room := l.root.files, l.talk.room
	sess.told.Store(uint64(from))
	sess.fetch = transfer.NewFetcher(transfer.Options{Open: sess.conn.Open, Files: files})
	l.start(func() func() {
		sess.fail(l, sess.feed(files, from, live))
		return nil
	})
	l.start(func() func() {
		sess.fail(l, sess.read(l, room))
		return nil
	})
	l.start(func() func() {
		sess.accept(l, offer{l.s, files})
		return nil
	})
	l.start(func() func() {
		<-sess.ctx.Done()
		sess.fetch.Close()
		return nil
	})
}

// metaTimes are the times that the outage report needs.
type metaTimes struct {
	connected, parted int64
	why               string
}

// remember writes times into the index, when the lane has time for it.
func (l *loop) remember(set func(*metaTimes)) {
	l.ask(func() func() {
		err := l.s.st.Update(func(tx *store.Tx) error {
			m, err := tx.Meta()
			if err != nil {
				return err
			}
			t := metaTimes{m.Connected, m.Parted, m.PartedWhy}
			set(&t)
			m.Connected, m.Parted, m.PartedWhy = t.connected, t.parted, t.why
			m.Clean = false
			return tx.PutMeta(m)
		})
		return func() {
			if err != nil {
				l.indexFailed("write the index", err)
			}
		}
	})
}

// hearJob commits what the peer said, and how far it heard us.
func (l *loop) hearJob(now time.Time) func() func() {
	t := &l.talk
	if t.sess == nil || !t.greeted || l.stopping {
		return nil
	}
	if len(t.inbox) == 0 {
		return l.ackJob(now)
	}
	sess, msgs, hold, acked := t.sess, t.inbox, t.held, t.acked
	t.inbox = nil
	return func() func() {
		var out heard
		err := l.s.roomForIndex()
		if err == nil {
			out, err = l.s.hear(msgs, acked, l.s.now().UnixNano(), hold)
		}
		return func() {
			if t.sess != sess {
				return
			}
			for range msgs {
				<-t.room
			}
			if err != nil {
				l.misheard(sess, err)
				return
			}
			t.saved = acked
			l.heard(out)
		}
	}
}

// ackJob commits how far the peer heard us if nothing else brings that about
// and tombstones wait for it.
func (l *loop) ackJob(now time.Time) func() func() {
	t := &l.talk
	if t.acked <= t.saved || l.published.counts.Tombstones == 0 || len(l.lane.ready) > 0 {
		return nil
	}
	acked := t.acked
	return func() func() {
		_, err := l.s.hear(nil, acked, l.s.now().UnixNano(), false)
		return func() {
			t.saved = max(t.saved, acked)
			if err != nil && t.sess != nil {
				l.misheard(t.sess, err)
			}
		}
	}
}

// heard takes note of what the peer said, and acknowledges it.
func (l *loop) heard(out heard) {
	t := &l.talk
	t.heard = max(t.heard, out.through)
	t.owes = true
	l.sayAck()
	now := time.Now()
	for _, p := range out.agreed {
		l.lags.end(p, now)
	}
	l.dropSnapshots(out.agreed)
	l.rounds.kick = true
	if out.noted {
		t.wake()
	}
}

// sayAck tells the peer how far we have heard it, as soon as there is room to.
func (l *loop) sayAck() {
	t := &l.talk
	if !t.owes || t.sess == nil || !t.greeted {
		return
	}
	select {
	case t.sess.say <- &wire.Ack{Heard: t.heard}:
		t.owes = false
	default:
	}
}

// misheard ends a session in which the peer said something impossible, or in
// which the index could not be written.
func (l *loop) misheard(sess *session, err error) {
	var room *roomError
	if errors.As(err, &room) {
		l.unfit(sess, err)
		return
	}
	if !isImpossible(err) {
		l.indexFailed("record what the peer said", err)
		return
	}
	if l.talk.sess != sess {
		return
	}
	peer := l.s.cfg.PeerName
	l.log.Error("peer said something impossible: the connection is closed, and nothing that came with it was taken over",
		"peer", peer, "error", err,
		"do", "compare `duet version` on both hosts; if that is the same, find out what runs on "+peer)
	sess.cancel()
	l.parted(sess, err)
}

// protocolError means that the peer said what cannot be.
type protocolError struct{ text string }

func (e *protocolError) Error() string { return e.text }

func isImpossible(err error) bool {
	var p *protocolError
	return errors.As(err, &p)
}

func impossible(format string, args ...any) error {
	return &protocolError{fmt.Sprintf(format, args...)}
}
