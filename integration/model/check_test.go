package model

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"strings"

	"duet/diff"
	"duet/store/index"
)

// unsettled is a journal position that no run of the protocol needs: who gets
// there talks for ever.
const unsettled = 24

// check says what is wrong with a state, "" if nothing is.
func (m *model) check(s *state) string {
	if s.wrong != "" {
		return s.wrong
	}
	a, b := &s.node[0], &s.node[1]
	if a.head > unsettled || b.head > unsettled {
		return "the nodes do not settle"
	}
	for p := range paths {
		x, y := &a.recs[p], &b.recs[p]
		if same(x.Ours, y.Theirs) && same(x.Theirs, y.Ours) {
			if why := m.alike(x.Ours, x.Theirs); why != "" {
				return why
			}
		}
		if a.tree[p].letter == 0 && b.tree[p].letter == 0 && a.looked(p) && b.looked(p) {
			s.acked |= a.seen[p] & b.seen[p]
		}
	}
	return ""
}

// alike: two nodes that know the same come to mirrored verdicts, and to equal
// entries.
func (m *model) alike(ours, theirs *index.Entry) string {
	v, w := m.decide(ours, theirs, m.policy(0)), m.decide(theirs, ours, m.policy(1))
	if !mirrored(v, w) && !mirrored(w, v) {
		return fmt.Sprintf("from the same two entries A would %v (%s) and B %v (%s)", v.Act, v.Line, w.Act, w.Line)
	}
	if v.Entry != nil && w.Entry != nil && !index.EqualEntries(v.Entry, w.Entry) {
		return fmt.Sprintf("by %s and %s the nodes come to different entries", v.Line, w.Line)
	}
	return ""
}

func mirrored(v, w diff.Verdict) bool {
	switch v.Act {
	case diff.Nothing, diff.Hold:
		return w.Act == v.Act
	case diff.Agree:
		return w.Act == diff.Agree || w.Act == diff.Wait
	case diff.Take, diff.TakeOver:
		return w.Act == diff.Wait || w.Act == diff.Win
	case diff.Revive:
		return w.Act == diff.Wait
	}
	return false
}

func same(a, b *index.Entry) bool {
	return a == b || a != nil && b != nil && index.EqualEntries(a, b)
}

// end says what is wrong with a state in which nothing is left to do.
func (m *model) end(s *state) string {
	a, b := &s.node[0], &s.node[1]
	for p := range paths {
		x, y := &a.recs[p], &b.recs[p]
		if a.tree[p].letter != b.tree[p].letter {
			return fmt.Sprintf("silent, but %s differs", names[p])
		}
		for _, r := range []*record{x, y} {
			if r.Ours.Live() && !r.Agreed() {
				return fmt.Sprintf("silent, but not agreed on %s", names[p])
			}
			if r.Ours != nil && !r.Ours.Live() {
				return fmt.Sprintf("silent, but the tombstone of %s stays", names[p])
			}
		}
	}
	for id := byte(1); id <= s.last; id++ {
		w := s.written[id]
		if w.letter == 0 || w.letter == 'D' || (s.superseded|s.listed|s.merged|s.excused)&(1<<id) != 0 {
			continue
		}
		if a.tree[w.path].letter != w.letter {
			return fmt.Sprintf("the %c that edit %d wrote to %s is lost", w.letter, id, names[w.path])
		}
	}
	return ""
}

// first is the state in which both agree on what m.start says.
func (m *model) first() state {
	var s state
	s.epochs, s.run = 2, 2
	for i := range 2 {
		n := &s.node[i]
		n.epoch = index.Epoch(1 + i)
		n.runs = []index.Run{{From: 0, ID: uint64(1 + i)}}
		n.peerEpoch, n.peerRun = index.Epoch(2-i), uint64(2-i)
	}
	if m.start == 0 {
		return s
	}
	s.last++
	s.written[s.last] = written{top, m.start}
	m.both(&s, top, m.start)
	if m.start == 'D' {
		s.last++
		s.written[s.last] = written{inner, 'X'}
		m.both(&s, inner, 'X')
	}
	return s
}

// both makes both nodes agree on a content.
func (m *model) both(s *state, p int, letter byte) {
	t := thing{letter, s.last}
	e := t.entry()
	e.Version = index.Version{{Epoch: 1, Seq: s.node[0].head + 1}}
	for i := range 2 {
		n := &s.node[i]
		n.head++
		n.heard, n.acked = n.head, n.head
		n.tree[p], n.seen[p] = t, 1<<s.last
		n.recs[p] = record{index.Record{Ours: e, Theirs: e, Pos: n.head, Heard: n.head}, t}
	}
}

func (s *state) String() string {
	var b strings.Builder
	for i := range 2 {
		n := &s.node[i]
		fmt.Fprintf(&b, "%c: epoch %d, journal %d, heard %d, acked %d\n", 'A'+i, n.epoch, n.head, n.heard, n.acked)
		for p := range paths {
			fmt.Fprintf(&b, "   %-4s tree %c#%d, ours %s at %d, theirs %s\n", names[p], max(n.tree[p].letter, '-'), n.tree[p].edit,
				show(n.recs[p].Ours), n.recs[p].Pos, show(n.recs[p].Theirs))
		}
	}
	return b.String()
}

func show(e *index.Entry) string {
	if e == nil {
		return "nil"
	}
	return fmt.Sprintf("%v#%d %v over %v", e.Kind, e.Origin, e.Version, e.Over)
}

// key tells states apart.
func (m *model) key(s *state) uint64 {
	b := m.buf[:0]
	num := func(ns ...uint64) {
		for _, n := range ns {
			b = binary.AppendUvarint(b, n)
		}
	}
	for i := range 2 {
		b = appendNode(b, &s.node[i])
		num(uint64(s.said[i]), uint64(s.told[i]), uint64(s.acks[i]))
		if msg := s.mail[i]; msg != nil {
			num(1, uint64(msg.through), uint64(len(msg.changes)))
			for _, c := range msg.changes {
				num(uint64(c.path), uint64(c.pos), uint64(c.agreed))
				b = appendEntry(b, c.entry)
			}
		} else {
			num(0)
		}
	}
	up := uint64(0)
	if s.up {
		up = 1
	}
	num(up, uint64(s.edits), uint64(s.faults), uint64(s.superseded), uint64(s.listed), uint64(s.acked), uint64(s.merged), uint64(s.excused))
	if s.backup != nil {
		num(1, uint64(s.whose))
		b = appendNode(b, s.backup)
	}
	b = append(b, s.wrong...)
	m.buf = b
	return maphash.Bytes(m.seed, b)
}

func appendNode(b []byte, n *node) []byte {
	b = append(b, byte(n.epoch), byte(n.head), byte(n.peerEpoch), byte(n.peerRun), byte(n.heard), byte(n.acked))
	for _, r := range n.runs {
		b = append(b, byte(r.From), byte(r.ID))
	}
	for p := range paths {
		r := &n.recs[p]
		b = append(b, byte(r.Pos), byte(r.Heard), r.stamp.letter, r.stamp.edit, n.tree[p].letter, n.tree[p].edit, byte(n.seen[p]), byte(n.seen[p]>>8))
		b = appendEntry(appendEntry(b, r.Ours), r.Theirs)
	}
	return b
}

func appendEntry(b []byte, e *index.Entry) []byte {
	if e == nil {
		return append(b, 0)
	}
	b = append(b, byte(e.Kind), e.Hash[0], byte(e.Origin), byte(len(e.Version)), byte(len(e.Over)))
	for _, v := range []index.Version{e.Version, e.Over} {
		for _, c := range v {
			b = append(b, byte(c.Epoch), byte(c.Seq))
		}
	}
	return b
}
