package replicate

import (
	"errors"
	"fmt"
	"time"

	"duet/replicate/book"
	"duet/replicate/link"
	"duet/replicate/room"
	"duet/replicate/talk"
	"duet/replicate/transfer"
	"duet/replicate/wire"
	"duet/store"
	"duet/store/index"
)

// hello is what this node says first.
func (s *Share) hello() (*wire.Hello, error) {
	h := &wire.Hello{
		Protocol: wire.Protocol, Oldest: wire.Oldest, Version: s.cfg.Version,
		Share: s.cfg.Name, NodeName: s.cfg.NodeName, Node: s.cfg.Node,
		Conflict: s.cfg.Conflict, Deletes: s.cfg.Deletes, SpecialBits: s.cfg.SpecialBits,
		SyncOwners: s.facts.SyncOwners,
		Clock:      s.now().UnixNano(), Ignore: s.cfg.Ignore, Before: s.ended,
	}
	if err := s.book.Introduce(h); err != nil {
		return h, err
	}
	var err error
	if h.Reserve, err = s.book.LeftOut(); err != nil {
		return h, err
	}
	why, err := s.holds()
	h.Hold = why != ""
	h.Reserves = true
	return h, err
}

// met compares the two hellos, mends the histories if one of the indexes was
// lost or put back, and then lets the two nodes talk.
func (l *loop) met(sess *talk.Session, ours, theirs *wire.Hello) {
	if l.talk.sess != sess {
		return
	}
	l.talk.theirs = theirs
	if err := talk.Fits(ours, theirs, l.s.cfg.Peer, l.s.cfg.PeerName); err != nil {
		l.unfit(sess, err)
		return
	}
	rules, err := talk.Rules(theirs)
	if err != nil {
		l.unfit(sess, err)
		return
	}
	mayMend, mayResettle := l.talk.mending.Allowed(time.Now()), l.talk.ruling.Allowed(time.Now())
	l.ask(func() func() {
		began := time.Now()
		m := l.s.book.Meet(theirs, mayMend)
		took := time.Since(began)
		if m.Err == nil && !m.Again && m.Refused == nil {
			m.Stale, m.Err = l.s.book.HearRules(theirs.Ignore, rules, mayResettle)
			if mayResettle != nil && m.Err == mayResettle {
				m.Refused, m.Err = mayResettle, nil
			}
		}
		return func() {
			if m.Mended {
				l.talk.mending.Note(took, time.Now())
			}
			l.resettle(sess, ours, m, index.Root, began)
		}
	})
}

// unfit ends a session that can never work as things are configured.
func (l *loop) unfit(sess *talk.Session, err error) {
	if l.talk.why != err.Error() {
		l.log.Error("cannot sync with peer", "peer", l.s.cfg.PeerName, "error", err)
	}
	sess.Close()
	l.parted(sess, err)
}

// begin starts the conversation.
func (l *loop) begin(sess *talk.Session, ours *wire.Hello, m book.Meeting) {
	t := &l.talk
	if t.sess != sess || l.root.ctx == nil {
		return
	}
	if m.Err != nil {
		l.indexFailed("meet the peer", m.Err)
		return
	}
	if m.Refused != nil {
		l.unfit(sess, m.Refused)
		return
	}
	if m.Why != "" {
		l.log.Warn("histories do not fit", "peer", l.s.cfg.PeerName, "why", m.Why,
			"then", "both sides are united: nothing is deleted, what differs is a conflict")
	}
	if m.Again {
		sess.Close()
		l.parted(sess, errors.New(m.Why))
		return
	}
	theirs := t.theirs
	if !t.reserve.Empty() && !theirs.Reserves {
		l.unfit(sess, fmt.Errorf("a plan was applied in part, and %s runs duet %s, which does not know what that is: upgrade duet there", l.s.cfg.PeerName, theirs.Version))
		return
	}
	t.greeted = true
	t.why = ""
	l.leaveOut(t.reserve, theirs.Reserve)
	t.held, t.heldWhy = ours.Hold || theirs.Hold, ""
	if t.held {
		t.heldWhy = l.whyHeld(ours)
	}
	t.head, t.heard, t.came = theirs.Head, m.Meta.Heard, m.Meta.Heard
	from := index.Seq(0)
	if theirs.HeardEpoch == m.Meta.Epoch {
		from = theirs.Heard
	}
	t.acked, t.saved = from, m.Meta.Acked
	t.whole, t.theirWhole, t.wholeDue = 0, 0, false
	l.notice.burst.Forget()
	l.notice.burst.Deleted(m.Head) // a scan may have found deletes
	t.skew = skew(theirs.Clock, t.opened, l.s.now())
	live := m.Head
	switch {
	case theirs.Records == 0 && !theirs.Scanning:
		live = 0
	case ours.Scanning && !l.root.ready:
		live = talk.Never // the peer may have all that the scan finds
	}
	t.scanning = theirs.Scanning
	l.rounds.Kick()
	l.log.Info("connected to peer", "peer", l.s.cfg.PeerName, "version", theirs.Version, "to_hear", t.head-t.heard, "to_tell", m.Head-from)
	l.knowBetter(theirs)
	t.saidGuard = ours.Guard
	l.hearGuard(theirs.Guard, time.Now())
	if !t.held { // a look at the plan is not the end of an outage
		l.remember(func(m *store.Meta) { m.Connected = l.s.now().UnixNano() })
	}
	l.converse(sess, from, live, min(ours.Protocol, theirs.Protocol))
}

// skew is how far the peer's clock is ahead, or behind, at least: it read it some
// time between from and to. What it says may have waited for a scan here.
func skew(said int64, from, to time.Time) time.Duration {
	ahead, behind := said-to.UnixNano(), said-from.UnixNano()
	return time.Duration(max(ahead, 0) + min(behind, 0))
}

// converse starts the session's goroutines.
func (l *loop) converse(sess *talk.Session, from, live index.Seq, protocol uint32) {
	files := l.root.files
	sess.Begin(from, live, protocol, transfer.Options{Files: files, Streams: l.s.cfg.Transfers, Delta: l.s.cfg.Delta})
	if l.root.ready {
		sess.Scanned(live) // since the hello was said
	}
	l.start(func() func() {
		l.broke(sess, sess.Feed(files, from))
		return nil
	})
	l.start(func() func() {
		l.broke(sess, sess.Read(l.ear(sess)))
		return nil
	})
	l.start(func() func() {
		src := talk.Source{Book: l.s.book, Files: files, Strange: l.strange(sess)}
		sess.Accept(func(stream link.Stream) { l.accepted(sess, stream, src) })
		return nil
	})
	l.start(func() func() {
		<-sess.Ctx.Done()
		sess.Fetch.Close()
		return nil
	})
}

// remember writes into the index what the outage report needs, when the lane
// has time for it.
func (l *loop) remember(set func(*store.Meta)) {
	l.ask(func() func() {
		err := l.s.book.Amend(set)
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
	if len(t.inbox) == 0 && l.root.ready {
		return l.ackJob(now)
	}
	sess, hold, acked := t.sess, t.held, t.acked
	msgs := t.hearable(l.root.ready)
	if len(msgs) == 0 {
		return nil
	}
	l.lane.hearing = true
	return func() func() {
		var out book.Heard
		err := room.ForIndex(l.s.st.Path())
		if err == nil {
			out, err = l.s.book.Hear(msgs, acked, l.s.now().UnixNano(), hold)
		}
		return func() {
			l.lane.hearing = false
			if t.sess != sess {
				return
			}
			sess.Committed(len(msgs))
			if err != nil {
				l.misheard(sess, err)
				return
			}
			t.saved = out.Acked
			l.renewed(msgs)
			l.heard(out)
		}
	}
}

// maxHearable bounds the changes of the peer's that one transaction commits. Each
// may dirty several pages of the index, all of which are in memory until then.
const maxHearable = wire.MaxChanges

// hearable takes from the inbox what is to be committed together. As long as the
// first scan of all goes on and nobody knows what is here, that is only what the
// peer says to have got from here: it stays behind otherwise, and what it has not
// said keeps contents from going along.
func (t *conversation) hearable(ready bool) (msgs []*wire.Changes) {
	n := 0
	for i, m := range t.inbox {
		if n += len(m.Changes); i > 0 && n > maxHearable || !ready && !m.Confirms() {
			msgs, t.inbox = t.inbox[:i:i], t.inbox[i:]
			return msgs
		}
	}
	msgs, t.inbox = t.inbox, nil
	return msgs
}

// ackJob commits how far the peer heard us if nothing else brings that about
// and tombstones wait for it. While the peer is still to acknowledge more, that is
// waited for: a commit for each part of a mass change would be many.
func (l *loop) ackJob(now time.Time) func() func() {
	t := &l.talk
	if t.acked <= t.saved || l.published.counts.Tombstones == 0 || len(l.lane.ready) > 0 {
		return nil
	}
	if t.sess != nil && t.acked < t.sess.Told() {
		return nil
	}
	if n := &l.notice; len(l.lane.records) > 0 || n.looks.Any() || n.dirty.Len() > 0 {
		return nil // there will be more to acknowledge, and to write that down is waited for
	}
	acked := t.acked
	return func() func() {
		out, err := l.s.book.Hear(nil, acked, l.s.now().UnixNano(), false)
		return func() {
			t.saved = max(t.saved, out.Acked)
			if err != nil && t.sess != nil {
				l.misheard(t.sess, err)
			}
		}
	}
}

// heard takes note of what the peer said, and acknowledges it.
func (l *loop) heard(out book.Heard) {
	t := &l.talk
	t.heard = max(t.heard, out.Through)
	t.owes, t.stuck = true, wire.Stuck{} // there is something to do again
	l.sayAck()
	now := time.Now()
	for _, p := range out.Agreed {
		l.lags.End(p, now)
	}
	l.dropSnapshots(out.Agreed)
	l.rounds.Kick()
	l.heardWhole()
	l.heardBefore()
	if out.Noted {
		t.wake()
	}
}

// heardWhole has the deletes looked at that waited for it, once all is heard that
// the peer says is all there is. Its word may come before that is written down.
func (l *loop) heardWhole() {
	if t := &l.talk; t.wholeDue && t.heard >= t.theirWhole {
		t.wholeDue = false
		l.rounds.HeardWhole(time.Now())
	}
}

// sayAck tells the peer how far we have heard it, as soon as there is room to.
func (l *loop) sayAck() {
	t := &l.talk
	if !t.owes || t.sess == nil || !t.greeted {
		return
	}
	g := l.guarded(time.Now())
	t.owes = !t.sess.Say(&wire.Ack{Heard: t.heard, Stuck: t.stuck, Whole: t.whole, Guard: g})
	if g != nil && !t.owes {
		t.saidGuard = g
	}
}

// misheard ends a session in which the peer said something impossible, or in
// which the index could not be written.
func (l *loop) misheard(sess *talk.Session, err error) {
	var full *room.FullError
	if errors.As(err, &full) {
		l.unfit(sess, err)
		return
	}
	if !wire.IsImpossible(err) {
		l.indexFailed("record what the peer said", err)
		return
	}
	if l.talk.sess != sess {
		return
	}
	peer := l.s.cfg.PeerName
	l.log.Error("peer said something impossible: the connection is closed, and nothing that came with it was taken over",
		"peer", peer, "error", err,
		"do", "compare 'duet version' on both hosts; if that is the same, find out what runs on "+peer)
	sess.Close()
	l.parted(sess, err)
}

// resettle settles the index by the rules that the peer's hello brought, a
// chunk at a time in the writer lane, and then begins the session.
func (l *loop) resettle(sess *talk.Session, ours *wire.Hello, m book.Meeting, after index.Path, began time.Time) {
	over := m.Err != nil || m.Refused != nil || !m.Stale
	if after != index.Root && (over || l.talk.sess != sess) {
		l.talk.ruling.Note(time.Since(began), time.Now())
	}
	if over {
		l.begin(sess, ours, m)
		return
	}
	if l.talk.sess != sess || l.root.ctx == nil {
		return // the next session begins anew
	}
	if after == index.Root {
		l.rounds.Said(nil)
		l.log.Info("ignore rules have changed: looking which paths they concern", "peer", l.s.cfg.PeerName)
	}
	now := l.s.now().UnixNano()
	l.ask(func() func() {
		upto, done, err := l.s.book.Resettle(after, now)
		return func() {
			m.Stale, m.Err = !done, err
			l.resettle(sess, ours, m, upto, began)
		}
	})
}
