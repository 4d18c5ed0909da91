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
	index.Record
	stamp thing // what the tree had when Ours was recorded
}

// node is one node: its index, its tree, and what it knows of the other.
type node struct {
	epoch     index.Epoch
	head      index.Seq
	runs      []index.Run // never changed in place
	peerEpoch index.Epoch
	peerRun   uint64
	heard     index.Seq
	acked     index.Seq
	recs      [paths]record
	tree      [paths]thing

	seen [paths]uint16 // ghost: edits that were ever the state here
}

func (n *node) meta() store.Meta {
	return store.Meta{Epoch: n.epoch, Runs: n.runs, PeerEpoch: n.peerEpoch, PeerRun: n.peerRun, Heard: n.heard, Acked: n.acked}
}

func (n *node) runAt(pos index.Seq) uint64 {
	var id uint64
	for _, r := range n.runs {
		if r.From < pos {
			id = r.ID
		}
	}
	return id
}

// note journals what the record has from here on.
func (n *node) note(r *record) {
	n.head++
	r.Pos = n.head
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

// notice records what a scan finds at a path.
func (m *model) notice(s *state, i, p int) bool {
	n := &s.node[i]
	r, now := &n.recs[p], n.tree[p]
	if now == r.stamp {
		return false
	}
	if now.letter == 0 && r.Ours.Live() {
		now.edit = s.last // of the delete, for the tie only
	}
	e := now.entry()
	if r.Ours.Live() && index.Same(r.Ours, e) {
		// Back to what it was, to the last field: as if it had never changed.
		s.superseded |= 1 << now.edit
		n.tree[p].edit = byte(r.Ours.Origin)
		r.stamp = n.tree[p]
		return true
	}
	r.stamp = n.tree[p]
	if e.Kind == index.Gone && !r.Ours.Live() {
		return true
	}
	r.Ours = diff.Edited(r.Ours, e, n.epoch, n.head+1)
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
	v := m.decide(r.Ours, r.Theirs, m.policy(i))
	switch v.Act {
	case diff.Nothing:
		n.agree(r)
	case diff.Take, diff.TakeOver:
		if v.Entry.Live() || r.Ours.Live() {
			return // a round does it
		}
		n.become(r, v.Entry)
	case diff.Agree, diff.Win:
		if v.Conflict {
			s.listed |= bit(r.Theirs)
		}
		if v.Act == diff.Agree {
			// Two edits that made the same are one from here on.
			both := bit(r.Ours) | bit(r.Theirs)
			n.seen[p] |= both
			if s.superseded&both != 0 {
				s.superseded |= both // by somebody who saw the one, and so the other
			}
			s.merged |= both &^ bit(v.Entry)
			if n.looked(p) {
				n.tree[p] = thingOf(v.Entry)
				r.stamp = n.tree[p]
			}
		}
		n.become(r, v.Entry)
	case diff.Revive:
		n.revive(r)
	}
}

func bit(e *index.Entry) uint16 {
	if !e.Live() {
		return 0
	}
	return 1 << e.Origin
}

func (n *node) become(r *record, e *index.Entry) {
	r.Ours = e
	n.note(r)
	n.agree(r)
}

func (n *node) agree(r *record) {
	if r.Agreed() {
		r.Theirs = r.Ours
	}
}

func (n *node) revive(r *record) {
	e := *r.Ours
	if r.Theirs != nil {
		e = *diff.Revived(r.Ours, r.Theirs)
	}
	e.Version = e.Version.With(n.epoch, n.head+1)
	r.Ours = &e
	n.note(r)
}

// forget drops a tombstone that both have and the peer knows that we have.
func (n *node) forget(r *record) {
	if r.Ours != nil && !r.Ours.Live() && r.Agreed() && r.Pos <= n.acked {
		*r = record{}
	}
}

// install does what a round would do about a path: take over what the peer has.
func (m *model) install(s *state, i, p int) bool {
	n := &s.node[i]
	r := &n.recs[p]
	v := m.decide(r.Ours, r.Theirs, m.policy(i))
	if v.Act != diff.Take && v.Act != diff.TakeOver {
		return false
	}
	if !s.up || !n.looked(p) || p == inner && v.Entry.Live() && !n.isDir() {
		return false // somebody has changed it, or its directory is not there yet
	}
	if p == top && r.Ours.Live() && r.Ours.Kind == index.Dir && v.Entry.Kind != index.Dir {
		return m.replaceDir(s, i, v)
	}
	m.displace(s, i, p, v)
	n.put(p, v.Entry)
	return true
}

// isDir reports whether the directory is there, and the index knows it.
func (n *node) isDir() bool {
	return n.tree[top].letter == 'D' && n.recs[top].Ours.Live() && n.recs[top].Ours.Kind == index.Dir
}

// put is a verb and its commit.
func (n *node) put(p int, e *index.Entry) {
	r := &n.recs[p]
	n.tree[p] = thingOf(e)
	r.stamp = n.tree[p]
	n.seen[p] |= bit(e)
	n.become(r, e)
}

// replaceDir removes the directory, or puts a file in its place, if nothing in
// it is to stay.
func (m *model) replaceDir(s *state, i int, v diff.Verdict) bool {
	n := &s.node[i]
	in := &n.recs[inner]
	if s.told[i] > n.heard || !n.looked(inner) {
		return false // the peer has more to say, or somebody is at work in there
	}
	w := m.decide(in.Ours, in.Theirs, m.policy(i))
	doomed := (w.Act == diff.Take || w.Act == diff.TakeOver) && !w.Entry.Live()
	switch {
	case in.Ours.Live() && !doomed:
		n.revive(&n.recs[top])
		return true
	case in.Ours.Live() && !v.Entry.Live():
		return false // contents go first
	case in.Ours.Live():
		m.displace(s, i, inner, w)
		n.put(inner, w.Entry)
	}
	m.displace(s, i, top, v)
	n.put(top, v.Entry)
	return true
}

// displace accounts for what an install takes out of the tree: its author's
// successor knew it, or it is listed as the loser of a conflict. It is kept in
// either case.
func (m *model) displace(s *state, i, p int, v diff.Verdict) {
	out, in := s.node[i].tree[p], thingOf(v.Entry)
	if in.letter != 0 && out.letter == 0 && s.acked&(1<<in.edit) != 0 && !s.weird {
		s.wrong = "a delete that both had is undone"
	}
	if out.letter == 0 || out.letter == in.letter || out.letter == 'D' {
		return
	}
	if v.Conflict {
		s.listed |= 1 << out.edit
	}
	if (s.listed|s.superseded)&(1<<out.edit) == 0 {
		s.wrong = "what nobody had seen is displaced (" + v.Line + "), and not called a conflict"
	}
}

// restarted begins a run.
func (n *node) restarted(run uint64) {
	n.runs = append(slices.Clone(n.runs), index.Run{From: n.head, ID: run})
}
