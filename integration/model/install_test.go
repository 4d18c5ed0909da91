package model

import (
	"duet/diff"
	"duet/store/index"
)

// install does what a round would do about a path: take over what the peer has.
func (m *model) install(s *state, i, p int) bool {
	n := &s.node[i]
	r := &n.recs[p]
	v := m.ask(i, r.ours, r.theirs)
	if v.act != diff.Take && v.act != diff.TakeOver {
		return false
	}
	if !s.up || !n.looked(p) || p == inner && m.live(v.entry) && !m.hasDir(n) {
		return false // somebody has changed it, or its directory is not there yet
	}
	if p == top && m.isDirEntry(r.ours) && !m.isDirEntry(v.entry) {
		return m.replaceDir(s, i, v)
	}
	m.displace(s, i, p, v)
	m.place(n, p, v.entry)
	return true
}

// hasDir reports whether the directory is there, and the index knows it.
func (m *model) hasDir(n *node) bool {
	return n.tree[top].letter == 'D' && m.isDirEntry(n.recs[top].ours)
}

// place is a verb and its commit.
func (m *model) place(n *node, p int, e ref) {
	r := &n.recs[p]
	n.tree[p] = thingOf(m.entry(e))
	r.stamp = n.tree[p]
	n.seen[p] |= m.bit(e)
	m.become(n, r, e)
}

// replaceDir removes the directory, or puts a file in its place, if nothing in
// it is to stay.
func (m *model) replaceDir(s *state, i int, v verdict) bool {
	n := &s.node[i]
	in := &n.recs[inner]
	if s.told[i] > n.heard || !n.looked(inner) {
		return false // the peer has more to say, or somebody is at work in there
	}
	w := m.ask(i, in.ours, in.theirs)
	doomed := (w.act == diff.Take || w.act == diff.TakeOver) && !m.live(w.entry)
	switch {
	case m.live(in.ours) && !doomed:
		m.revive(n, &n.recs[top])
		return true
	case m.live(in.ours) && !m.live(v.entry):
		return false // contents go first
	case m.live(in.ours):
		m.displace(s, i, inner, w)
		m.place(n, inner, w.entry)
	}
	m.displace(s, i, top, v)
	m.place(n, top, v.entry)
	return true
}

// displace accounts for what an install takes out of the tree: its author's
// successor knew it, or it is listed as the loser of a conflict. It is kept in
// either case.
func (m *model) displace(s *state, i, p int, v verdict) {
	out, in := s.node[i].tree[p], thingOf(m.entry(v.entry))
	if in.letter != 0 && out.letter == 0 && s.acked&(1<<in.edit) != 0 && !s.weird {
		m.wrong = "a delete that both had is undone"
	}
	if out.letter == 0 || out.letter == in.letter || out.letter == 'D' {
		return
	}
	if v.conflict {
		s.listed |= 1 << out.edit
	}
	if (s.listed|s.superseded)&(1<<out.edit) == 0 {
		m.wrong = "what nobody had seen is displaced (" + v.line + "), and not called a conflict"
	}
}

// choose is a person's word on a conflict that is held, given on one of the
// nodes: what is here stays, or what is there comes.
func (m *model) choose(s *state, i, p int, here bool) bool {
	n := &s.node[i]
	r := &n.recs[p]
	if v := m.ask(i, r.ours, r.theirs); v.act != diff.Hold || !n.looked(p) || s.edits == m.edits {
		return false
	}
	if !here && (!s.up || p == top && m.isDirEntry(r.ours) && n.tree[inner].letter != 0) {
		return false // it cannot come, or there is something in its way
	}
	s.edits++
	// The person saw both.
	s.superseded |= m.bit(r.ours) | m.bit(r.theirs)
	ours, theirs := m.entry(r.ours), m.entry(r.theirs)
	want := ours
	if !here {
		want = theirs
	}
	s.superseded &^= 1 << want.Origin
	// Here Origin is the edit, and a ruling is none.
	m.place(n, p, m.put(diff.Ruled(want, ours, theirs, ours.Version.Join(theirs.Version), want.Origin, index.Epoch(n.epoch), index.Seq(n.head)+1)))
	return true
}
