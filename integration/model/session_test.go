package model

import (
	"duet/recovery"
	"duet/store/index"
)

// message is one Changes: all records behind what was said before, in order.
type message struct {
	changes [paths]change
	n       uint8 // of them
	through seq
	run     uint8
}

type change struct {
	path   uint8
	pos    seq
	entry  ref
	agreed seq
}

// cut ends the session; what is on the way is lost.
func (s *state) cut() {
	s.up = false
	s.said, s.told, s.mail, s.acks = [2]seq{}, [2]seq{}, [2]ref{}, [2]seq{}
}

// meet exchanges hellos and mends the histories.
func (m *model) meet(s *state) bool {
	if s.up {
		return false
	}
	var hello [2]recovery.Said
	for i := range 2 {
		n := &s.node[i]
		hello[i] = recovery.Said{
			Epoch: index.Epoch(n.epoch), Head: index.Seq(n.head),
			HeardEpoch: index.Epoch(n.peerEpoch), Heard: index.Seq(n.heard), HeardRun: uint64(n.peerRun),
		}
	}
	again := false
	for i := range 2 {
		n, theirs := &s.node[i], hello[1-i]
		switch h := recovery.CheckHello(m.meta(n), index.Seq(n.head), theirs); {
		case h.RolledBack, h.PeerForgot:
			again = true
			m.newEpoch(s, i)
		case h.PeerBehind:
			again = true
		case h.NewPeer:
			again = again || n.peerEpoch != 0
			n.forgetPeer(uint8(theirs.Epoch))
		}
	}
	if again {
		return true // and hang up
	}
	s.up = true
	for i := range 2 {
		s.said[i] = 0
		if hello[1-i].HeardEpoch == index.Epoch(s.node[i].epoch) {
			s.said[i] = seq(hello[1-i].Heard)
			s.acks[1-i] = s.said[i] // which is as good as an ack
		}
		s.told[i] = seq(hello[1-i].Head)
	}
	return true
}

// newEpoch begins a new life of a node's index.
func (m *model) newEpoch(s *state, i int) {
	n := &s.node[i]
	s.epochs++
	n.epoch = s.epochs
	n.head++
	n.peerEpoch, n.peerRun, n.heard, n.acked = 0, 0, 0, 0
	for p := range paths {
		r := &n.recs[p]
		if !m.live(r.ours) {
			*r = record{}
			continue
		}
		e := *m.entry(r.ours)
		e.Version, e.Over, e.Settled = index.Version{{Epoch: index.Epoch(n.epoch), Seq: index.Seq(r.pos)}}, nil, nil
		r.ours, r.theirs, r.heard = m.put(&e), 0, 0
	}
}

func (n *node) forgetPeer(epoch uint8) {
	n.peerEpoch, n.peerRun, n.heard, n.acked = epoch, 0, 0, 0
	for p := range paths {
		r := &n.recs[p]
		if r.ours == 0 {
			*r = record{}
		}
		r.theirs, r.heard = 0, 0
	}
}

// send says what is new since the last time.
func (m *model) send(s *state, i int) bool {
	n := &s.node[i]
	if !s.up || s.mail[i] != 0 || n.head <= s.said[i] {
		return false
	}
	msg := message{through: n.head, run: m.runAt(n, n.head)}
	for p := range paths {
		r := &n.recs[p]
		if r.ours == 0 || r.pos <= s.said[i] {
			continue
		}
		c := change{path: uint8(p), pos: r.pos, entry: r.ours}
		if r.heard != 0 && m.agreed(r) {
			c.agreed, c.entry = r.heard, 0
		}
		msg.changes[msg.n] = c
		msg.n++
	}
	if msg.n == 2 && msg.changes[0].pos > msg.changes[1].pos {
		msg.changes[0], msg.changes[1] = msg.changes[1], msg.changes[0]
	}
	s.mail[i], s.said[i] = m.messages.put(msg, msg), n.head
	return true
}

// hear commits what the peer said, and acknowledges it.
func (m *model) hear(s *state, i int) bool {
	if s.mail[1-i] == 0 {
		return false
	}
	msg := m.messages.get(s.mail[1-i])
	s.mail[1-i] = 0
	n := &s.node[i]
	s.told[i] = max(s.told[i], msg.through)
	for _, c := range msg.changes[:msg.n] {
		if c.pos <= n.heard {
			m.wrong = "the peer's journal runs backwards"
		}
		m.heardChange(s, i, c)
	}
	n.heard, n.peerRun = msg.through, msg.run
	s.acks[i] = n.heard
	return true
}

func (m *model) heardChange(s *state, i int, c change) {
	n := &s.node[i]
	if c.agreed != 0 {
		if c.agreed > n.head {
			m.wrong = "the peer confirms what was never said"
		}
		for p := range paths {
			if r := &n.recs[p]; r.ours != 0 && r.pos == c.agreed {
				r.theirs, r.heard = r.ours, c.pos
				m.forget(n, r)
			}
		}
		return
	}
	if m.entry(c.entry).Version.At(index.Epoch(n.epoch)) > index.Seq(n.head) {
		m.wrong = "the peer claims an edit that was never made"
	}
	r := &n.recs[c.path]
	r.theirs, r.heard = c.entry, c.pos
	m.settle(s, i, int(c.path))
	m.forget(n, r)
}

// ack takes note of how far the peer has heard us.
func (m *model) ack(s *state, i int) bool {
	through := s.acks[1-i]
	if through == 0 {
		return false
	}
	s.acks[1-i] = 0
	n := &s.node[i]
	if through > n.head {
		m.wrong = "the peer acknowledges what was never said"
	}
	if through <= n.acked {
		return true
	}
	n.acked = through
	for p := range paths {
		m.forget(n, &n.recs[p])
	}
	return true
}
