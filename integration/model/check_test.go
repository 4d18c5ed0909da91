package model

import (
	"fmt"
	"strings"

	"duet/diff"
	"duet/store/index"
)

// unsettled is a journal position that no run of the protocol needs: who gets
// there talks for ever.
const unsettled = 24

// check says what is wrong with a state that an action led to, "" if nothing is.
func (m *model) check(s *state) string {
	if m.wrong != "" {
		return m.wrong
	}
	a, b := &s.node[0], &s.node[1]
	if a.head > unsettled || b.head > unsettled {
		return "the nodes do not settle"
	}
	for p := range paths {
		x, y := &a.recs[p], &b.recs[p]
		if x.ours == y.theirs && x.theirs == y.ours {
			if why := m.alike(x.ours, x.theirs); why != "" {
				return why
			}
		}
		for _, r := range []*record{x, y} {
			if r.ours != 0 && !m.live(r.ours) && m.agreed(r) {
				s.acked |= a.seen[p] & b.seen[p] // a delete that the other has taken over
			}
		}
	}
	return ""
}

// alike: two nodes that know the same come to mirrored verdicts, and to equal
// entries.
func (m *model) alike(ours, theirs ref) string {
	v, w := m.ask(0, ours, theirs), m.ask(1, theirs, ours)
	bury := v.act == diff.Take && w.act == diff.Take && v.entry == w.entry && !m.live(v.entry)
	if !bury && !mirrored(v.act, w.act) && !mirrored(w.act, v.act) {
		return fmt.Sprintf("from the same two entries A would %v (%s) and B %v (%s)", v.act, v.line, w.act, w.line)
	}
	if v.entry != 0 && w.entry != 0 && v.entry != w.entry {
		return fmt.Sprintf("by %s and %s the nodes come to different entries", v.line, w.line)
	}
	return ""
}

func mirrored(v, w diff.Act) bool {
	switch v {
	case diff.Nothing, diff.Hold:
		return w == v
	case diff.Agree:
		return w == diff.Agree || w == diff.Wait
	case diff.Take, diff.TakeOver:
		return w == diff.Wait || w == diff.Win
	case diff.Revive:
		return w == diff.Wait
	}
	return false
}

// end says what is wrong with a state in which nothing is left to do.
func (m *model) end(s *state) string {
	a, b := &s.node[0], &s.node[1]
	for p := range paths {
		x, y := &a.recs[p], &b.recs[p]
		if m.held(s, p) {
			continue // until a person decides
		}
		if a.tree[p].letter != b.tree[p].letter {
			return fmt.Sprintf("silent, but %s differs", names[p])
		}
		for _, r := range []*record{x, y} {
			if m.live(r.ours) && !m.agreed(r) {
				return fmt.Sprintf("silent, but not agreed on %s", names[p])
			}
			if r.ours != 0 && !m.live(r.ours) {
				return fmt.Sprintf("silent, but the tombstone of %s stays", names[p])
			}
		}
	}
	for p := range paths {
		t := a.tree[p]
		if t.letter == 0 || t.letter == 'D' || s.weird || m.rule.Deletes != diff.Track {
			continue
		}
		back := true // unless somebody made it whose work nobody deleted
		for id := byte(1); id <= s.last; id++ {
			if s.written[id] == (written{uint8(p), t.letter}) && s.removed&(1<<id) == 0 {
				back = false
			}
		}
		if back {
			return fmt.Sprintf("all who wrote %c to %s saw it deleted, and it is there", t.letter, names[p])
		}
	}
	for id := byte(1); id <= s.last; id++ {
		w := s.written[id]
		if w.letter == 0 || w.letter == 'D' || (s.superseded|s.listed|s.merged|s.excused)&(1<<id) != 0 {
			continue
		}
		if a.tree[w.path].letter != w.letter && b.tree[w.path].letter != w.letter {
			return fmt.Sprintf("the %c that edit %d wrote to %s is lost", w.letter, id, names[w.path])
		}
	}
	return ""
}

// held reports whether both nodes wait for a person, at a path or at the one
// that it is in.
func (m *model) held(s *state, p int) bool {
	a, b := &s.node[0], &s.node[1]
	if p == inner && m.held(s, top) {
		return true
	}
	return m.rule.Conflict == diff.OnHold &&
		m.ask(0, a.recs[p].ours, a.recs[p].theirs).act == diff.Hold && m.ask(1, b.recs[p].ours, b.recs[p].theirs).act == diff.Hold
}

// first is the state in which both agree on what m.start says.
func (m *model) first() state {
	var s state
	s.epochs, s.run = 2, 2
	for i := range 2 {
		n := &s.node[i]
		n.epoch, n.peerEpoch, n.peerRun = uint8(1+i), uint8(2-i), uint8(2-i)
		n.runs = m.putRuns([]index.Run{{From: 0, ID: uint64(1 + i)}})
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
	e.Version = index.Version{{Epoch: 1, Seq: index.Seq(s.node[0].head) + 1}}
	for i := range 2 {
		n := &s.node[i]
		n.head++
		n.heard, n.acked = n.head, n.head
		n.tree[p], n.seen[p] = t, 1<<s.last
		n.recs[p] = record{m.put(e), m.put(e), n.head, n.head, t}
	}
}

// show puts a state into words.
func (m *model) show(s *state) string {
	var b strings.Builder
	for i := range 2 {
		n := &s.node[i]
		fmt.Fprintf(&b, "%c: epoch %d, journal %d, heard %d, acked %d\n", 'A'+i, n.epoch, n.head, n.heard, n.acked)
		for p := range paths {
			fmt.Fprintf(&b, "   %-4s tree %c#%d, ours %s at %d, theirs %s\n", names[p], max(n.tree[p].letter, '-'), n.tree[p].edit,
				showEntry(m.entry(n.recs[p].ours)), n.recs[p].pos, showEntry(m.entry(n.recs[p].theirs)))
		}
	}
	return b.String()
}

func showEntry(e *index.Entry) string {
	if e == nil {
		return "nil"
	}
	return fmt.Sprintf("%v#%d %v over %v", e.Kind, e.Origin, e.Version, e.Over)
}
