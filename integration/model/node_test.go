package model

import (
	"slices"

	"duet/diff"
	"duet/store"
	"duet/store/index"
)

// The paths of the model: something, and what may be in it if it is a
// directory. A configuration without a directory leaves the second alone.
const (
	top, inner = 0, 1
	paths      = 2
)

var names = [paths]index.Path{"d", "d/c"}

// thing is what a tree has at a path: which content, and which edit wrote it.
// Contents are X and Y of files, and D for a directory; 0 is nothing.
type thing struct{ letter, edit byte }

// record is an index.Record, as far as it matters.
type record struct {
	ours, theirs ref
	pos, heard   seq
	stamp        thing // what the tree had when Ours was recorded
}

// seq is an index.Seq that takes little room: see unsettled.
type seq uint8

// node is one node: its index, its tree, and what it knows of the other.
type node struct {
	epoch, peerEpoch uint8
	peerRun          uint8
	head             seq
	heard, acked     seq
	runs             ref
	recs             [paths]record
	tree             [paths]thing

	seen [paths]uint16 // ghost: edits that were ever the state here
}

func (m *model) meta(n *node) store.Meta {
	return store.Meta{
		Epoch: index.Epoch(n.epoch), Runs: m.runs.get(n.runs), PeerEpoch: index.Epoch(n.peerEpoch),
		PeerRun: uint64(n.peerRun), Heard: index.Seq(n.heard), Acked: index.Seq(n.acked),
	}
}

// runAt is the run that wrote position pos.
func (m *model) runAt(n *node, pos seq) uint8 {
	var id uint64
	for _, r := range m.runs.get(n.runs) {
		if r.From < index.Seq(pos) {
			id = r.ID
		}
	}
	return uint8(id)
}

// restarted begins a run.
func (m *model) restarted(n *node, run uint8) {
	n.runs = m.putRuns(append(slices.Clone(m.runs.get(n.runs)), index.Run{From: index.Seq(n.head), ID: uint64(run)}))
}

// note journals what the record has from here on.
func (n *node) note(r *record) {
	n.head++
	r.pos = n.head
}

func (t thing) entry() *index.Entry {
	e := &index.Entry{Kind: index.File, Mode: 0o644, Hash: index.Hash{t.letter}, Origin: index.NodeID(t.edit)}
	switch t.letter {
	case 0:
		return &index.Entry{Kind: index.Gone, Origin: index.NodeID(t.edit)}
	case 'D':
		return &index.Entry{Kind: index.Dir, Mode: 0o755, Origin: index.NodeID(t.edit)}
	case 'X':
		e.Size, e.ModTime = 3, 1
	case 'Y':
		e.Size, e.ModTime = 2, 2
	}
	return e
}

func thingOf(e *index.Entry) thing {
	switch {
	case !e.Live():
		return thing{}
	case e.Kind == index.Dir:
		return thing{'D', byte(e.Origin)}
	}
	return thing{e.Hash[0], byte(e.Origin)}
}

// looked reports whether the index has what the tree has at a path.
func (n *node) looked(p int) bool { return n.tree[p] == n.recs[p].stamp }

func (m *model) live(r ref) bool { return m.entry(r).Live() }

func (m *model) isDirEntry(r ref) bool { return m.live(r) && m.entry(r).Kind == index.Dir }

// agreed reports whether both sides are known to have the same version.
func (m *model) agreed(r *record) bool {
	full := index.Record{Ours: m.entry(r.ours), Theirs: m.entry(r.theirs)}
	return full.Agreed()
}

// notice records what a scan finds at a path.
func (m *model) notice(s *state, i, p int) bool {
	n := &s.node[i]
	r, now := &n.recs[p], n.tree[p]
	if now == r.stamp {
		return false
	}
	ours := m.entry(r.ours)
	if now.letter == 0 && ours.Live() {
		now.edit = s.last // of the delete, for the tie only
	}
	e := now.entry()
	if ours.Live() && index.Same(ours, e) {
		// Back to what it was, to the last field: as if it had never changed.
		s.superseded |= 1 << now.edit
		n.tree[p].edit = byte(ours.Origin)
		r.stamp = n.tree[p]
		return true
	}
	r.stamp = n.tree[p]
	if e.Kind == index.Gone && !ours.Live() {
		return true
	}
	e.Apart = e.Kind == index.Gone && !s.up && m.rule.Deletes == diff.Running // which matters to no other rule
	r.ours = m.put(diff.Edited(ours, e, index.Epoch(n.epoch), index.Seq(n.head)+1))
	n.note(r)
	m.settle(s, i, p)
	return true
}

// scan notices everything, as a node does when it starts.
func (m *model) scan(s *state, i int) {
	for p := range paths {
		m.notice(s, i, p)
	}
}

// settle decides a path and does what needs no change to the tree.
func (m *model) settle(s *state, i, p int) {
	n := &s.node[i]
	r := &n.recs[p]
	v := m.ask(i, r.ours, r.theirs)
	switch v.act {
	case diff.Nothing:
		m.agree(r)
	case diff.Take, diff.TakeOver:
		if m.live(v.entry) || m.live(r.ours) {
			return // a round does it
		}
		m.become(n, r, v.entry)
	case diff.Agree, diff.Win:
		if v.conflict {
			s.listed |= m.bit(r.theirs)
		}
		if v.act == diff.Agree {
			m.merge(s, n, p, v.entry)
		}
		m.become(n, r, v.entry)
	case diff.Revive:
		m.revive(n, r)
	}
}

// merge: two edits that made the same are one from here on.
func (m *model) merge(s *state, n *node, p int, is ref) {
	r := &n.recs[p]
	both := m.bit(r.ours) | m.bit(r.theirs)
	n.seen[p] |= both
	if s.superseded&both != 0 {
		s.superseded |= both // by somebody who saw the one, and so the other
	}
	s.merged |= both &^ m.bit(is)
	if n.looked(p) {
		n.tree[p] = thingOf(m.entry(is))
		r.stamp = n.tree[p]
	}
}

// bit stands for the edit that made an entry; 0 for a delete.
func (m *model) bit(r ref) uint16 {
	e := m.entry(r)
	if !e.Live() {
		return 0
	}
	return 1 << e.Origin
}

func (m *model) become(n *node, r *record, e ref) {
	r.ours = e
	n.note(r)
	m.agree(r)
}

func (m *model) agree(r *record) {
	if m.agreed(r) {
		r.theirs = r.ours
	}
}

func (m *model) revive(n *node, r *record) {
	e := *m.entry(r.ours)
	if r.theirs != 0 {
		e = *diff.Revived(&e, m.entry(r.theirs))
	}
	e.Version = e.Version.With(index.Epoch(n.epoch), index.Seq(n.head)+1)
	r.ours = m.put(&e)
	n.note(r)
}

// forget drops a tombstone that both have and the peer knows that we have.
func (m *model) forget(n *node, r *record) {
	if r.ours != 0 && !m.live(r.ours) && m.agreed(r) && r.pos <= n.acked {
		*r = record{}
	}
}
