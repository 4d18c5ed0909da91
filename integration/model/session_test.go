package model

import (
	"duet/recovery"
	"duet/store/index"
)

// message is one Changes: all records behind what was said before, in order.
type message struct {
	changes []change
	through index.Seq
	run     uint64
}

type change struct {
	path   int
	pos    index.Seq
	entry  *index.Entry
	agreed index.Seq
}

// cut ends the session; what is on the way is lost.
func (s *state) cut() {
	s.up = false
	for i := range 2 {
		s.said[i], s.told[i], s.mail[i], s.acks[i] = 0, 0, nil, 0
	}
}

// meet exchanges hellos and mends the histories.
func (m *model) meet(s *state) bool {
	if s.up {
		return false
	}
	var hello [2]recovery.Said
	for i := range 2 {
		n := &s.node[i]
		hello[i] = recovery.Said{Epoch: n.epoch, Head: n.head, HeardEpoch: n.peerEpoch, Heard: n.heard, HeardRun: n.peerRun}
	}
	again := false
	for i := range 2 {
		n, theirs := &s.node[i], hello[1-i]
		switch h := recovery.CheckHello(n.meta(), n.head, theirs); {
		case h.RolledBack, h.PeerForgot:
			again = true
			m.newEpoch(s, i)
		case h.PeerBehind:
			again = true
		case h.NewPeer:
			again = again || n.peerEpoch != 0
			n.forgetPeer(theirs.Epoch)
		}
	}
	if again {
		return true // and hang up
	}
	s.up = true
	for i := range 2 {
		s.said[i] = 0
		if hello[1-i].HeardEpoch == s.node[i].epoch {
			s.said[i] = hello[1-i].Heard
			s.acks[1-i] = hello[1-i].Heard // which is as good as an ack
		}
		s.told[i] = hello[1-i].Head
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
		if !r.Ours.Live() {
			*r = record{}
			continue
		}
		e := *r.Ours
		e.Version, e.Over = index.Version{{Epoch: n.epoch, Seq: r.Pos}}, nil
		r.Ours, r.Theirs, r.Heard = &e, nil, 0
	}
}

func (n *node) forgetPeer(epoch index.Epoch) {
	n.peerEpoch, n.peerRun, n.heard, n.acked = epoch, 0, 0, 0
	for p := range paths {
		r := &n.recs[p]
		if r.Ours == nil {
			*r = record{}
		}
		r.Theirs, r.Heard = nil, 0
	}
}

// send says what is new since the last time.
func (m *model) send(s *state, i int) bool {
	n := &s.node[i]
	if !s.up || s.mail[i] != nil || n.head <= s.said[i] {
		return false
	}
	msg := &message{through: n.head, run: n.runAt(n.head)}
	for p := range paths {
		r := &n.recs[p]
		if r.Ours == nil || r.Pos <= s.said[i] {
			continue
		}
		c := change{path: p, pos: r.Pos, entry: r.Ours}
		if r.Agreed() && r.Heard != 0 {
			c.agreed, c.entry = r.Heard, nil
		}
		msg.changes = append(msg.changes, c)
	}
	if len(msg.changes) == 2 && msg.changes[0].pos > msg.changes[1].pos {
		msg.changes[0], msg.changes[1] = msg.changes[1], msg.changes[0]
	}
	s.mail[i], s.said[i] = msg, n.head
	return true
}

// hear commits what the peer said, and acknowledges it.
func (m *model) hear(s *state, i int) bool {
	msg := s.mail[1-i]
	if msg == nil {
		return false
	}
	s.mail[1-i] = nil
	n := &s.node[i]
	s.told[i] = max(s.told[i], msg.through)
	for _, c := range msg.changes {
		if c.pos <= n.heard {
			s.wrong = "the peer's journal runs backwards"
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
			s.wrong = "the peer confirms what was never said"
		}
		for p := range paths {
			if r := &n.recs[p]; r.Ours != nil && r.Pos == c.agreed {
				r.Theirs, r.Heard = r.Ours, c.pos
				n.forget(r)
			}
		}
		return
	}
	if c.entry.Version.At(n.epoch) > n.head {
		s.wrong = "the peer claims an edit that was never made"
	}
	r := &n.recs[c.path]
	r.Theirs, r.Heard = c.entry, c.pos
	m.settle(s, i, c.path)
	n.forget(r)
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
		s.wrong = "the peer acknowledges what was never said"
	}
	if through <= n.acked {
		return true
	}
	n.acked = through
	for p := range paths {
		n.forget(&n.recs[p])
	}
	return true
}
