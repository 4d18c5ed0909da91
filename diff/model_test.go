package diff

import (
	"flag"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"testing"

	"duet/store/index"
)

// The model: two nodes, one path, and every interleaving of user edits, sends,
// hears and acts. A node that acts uses the real Decide. The ghosts (which
// edits had seen which) are known to the test only.

const maxEdits = 4

type node struct {
	ours, theirs *index.Entry
	seq          index.Seq
	dirty        bool // ours changed since it was last sent
	inbox        [2]*index.Entry
	waiting      int
	seen         uint16 // ghost: edits that were ever ours here

	before, met *index.Entry // what ours was before a person chose, and the peer's then; nil if ours is not that choice
}

type state struct {
	node  [2]node
	edits int
	past  [maxEdits + 1]uint16        // ghost: what the author of each edit had seen
	what  [maxEdits + 1]byte          // ghost: the letter of each edit
	dot   [maxEdits + 1]index.Counter // ghost: what the edit added to the version
	lost  uint16                      // ghost: edits listed as losers of a conflict

	kept uint16 // ghost: edits that a node kept alive, or that a person chose

	// crossed: a node met a state of which each side had seen the other's
	// content, and replaced it. Both must have settled a race against a state
	// that the other had left already.
	crossed bool
}

type model struct {
	t        *testing.T
	policy   Policy
	alphabet string
	edits    int
	keepOver bool // an own edit keeps the old entry's Over
	seed     maphash.Seed
	visited  map[uint64]bool // true while on the path
	path     []string
	ends     int
	silent   int // of them, those without edits
	stale    int // ends in which an edit prevails that a later one had replaced
}

func newModel(t *testing.T, p Policy, alphabet string, edits int, keepOver bool) *model {
	p.Self, p.Peer = 1, 2
	return &model{t: t, policy: p, alphabet: alphabet, edits: edits, keepOver: keepOver,
		seed: maphash.MakeSeed(), visited: make(map[uint64]bool)}
}

func (m *model) policyOf(i int) Policy {
	if i == 0 {
		return m.policy
	}
	return m.policy.Mirror()
}

// start: both nodes agree on file X, or on nothing.
func start(synced bool) state {
	var s state
	if synced {
		e := &index.Entry{Kind: index.File, Hash: index.Hash{'0'}, Size: 3, ModTime: 2, Mode: 0o644, Version: index.Version{{Epoch: 1, Seq: 1}}, Origin: 1}
		for i := range s.node {
			s.node[i].ours, s.node[i].theirs, s.node[i].seq, s.node[i].seen = e, e, 1, 1
		}
		s.what[0] = '0'
	}
	return s
}

func (m *model) explore(s state) {
	key := maphash.Bytes(m.seed, s.key())
	if open, ok := m.visited[key]; ok {
		if open {
			m.fail(s, "the nodes never fall silent")
		}
		return
	}
	m.visited[key] = true
	if len(m.path) > 80 {
		m.fail(s, "the nodes do not settle")
	}
	busy := false
	for i := range 2 {
		for _, next := range []struct {
			name string
			do   func(*state, int) bool
		}{{"send", send}, {"hear", hear}, {"act", m.act}} {
			n := s
			if next.do(&n, i) {
				busy = true
				m.step(fmt.Sprintf("%s %c", next.name, 'A'+i), n)
			}
		}
		if n := s; forget(&n, i) {
			m.step(fmt.Sprintf("forget %c", 'A'+i), n)
		}
		for _, letter := range m.alphabet {
			if n := s; s.edits < m.edits && m.edit(&n, i, byte(letter)) {
				m.step(fmt.Sprintf("edit %c %c", 'A'+i, letter), n)
			}
		}
	}
	if !busy {
		m.quiescent(s)
	}
	m.visited[key] = false
}

func (m *model) step(name string, s state) {
	m.path = append(m.path, name)
	m.explore(s)
	m.path = m.path[:len(m.path)-1]
}

func send(s *state, i int) bool {
	n, peer := &s.node[i], &s.node[1-i]
	if !n.dirty || peer.waiting == len(peer.inbox) {
		return false
	}
	peer.inbox[peer.waiting] = n.ours
	peer.waiting++
	n.dirty = false
	return true
}

func hear(s *state, i int) bool {
	n := &s.node[i]
	if n.waiting == 0 {
		return false
	}
	n.theirs = n.inbox[0]
	n.waiting--
	n.inbox = [2]*index.Entry{n.inbox[1]}
	return true
}

// forget drops a tombstone that both are known to have.
func forget(s *state, i int) bool {
	n, peer := &s.node[i], &s.node[1-i]
	if n.ours == nil || n.ours.Live() || n.theirs == nil || n.theirs.Live() || n.dirty || peer.waiting > 0 ||
		n.ours.Version.Compare(n.theirs.Version) != index.Equal {
		return false
	}
	n.ours, n.theirs = nil, nil
	return true
}

func (m *model) edit(s *state, i int, letter byte) bool {
	n := &s.node[i]
	e := index.Entry{Kind: index.File, Hash: index.Hash{letter}, Mode: 0o644}
	switch letter {
	case 'X':
		e.Size, e.ModTime = 3, 1
	case 'Y':
		e.Size, e.ModTime = 2, 2
	case 'Z':
		e.Size, e.ModTime = 1, 3
	case 'D':
		e = index.Entry{Kind: index.Dir, Mode: 0o755}
	case 'L':
		e = index.Entry{Kind: index.Symlink, Target: "t", ModTime: 2}
	case 't':
		if !n.ours.Live() {
			return false
		}
		e = *n.ours
		e.Mode ^= 0o022
	case 'd', 'a':
		if !n.ours.Live() {
			return false
		}
		e = index.Entry{Kind: index.Gone, Apart: letter == 'a'}
	case 'c', 'o', 'r':
		return m.person(s, i, letter)
	case 'u':
		return m.takeBack(s, i)
	}
	if n.ours != nil && index.Same(n.ours, &e) {
		return false
	}
	s.edits++
	n.seq++
	e.Origin = 1 << s.edits
	e = *Edited(n.ours, &e, index.Epoch(i+1), n.seq)
	if !m.keepOver {
		e.Over = nil
	}
	s.past[s.edits], s.what[s.edits] = n.seen, letter
	s.dot[s.edits] = index.Counter{Epoch: index.Epoch(i + 1), Seq: n.seq}
	n.ours, n.dirty = &e, true
	n.before, n.met = nil, nil
	n.seen |= 1 << s.edits
	return true
}

// rule is what a person on node i makes of a held conflict.
func (m *model) rule(want *index.Entry, n *node, i int) *index.Entry {
	e := Ruled(want, n.ours, n.theirs, n.ours.Version.Join(n.theirs.Version), 0, index.Epoch(i+1), n.seq+1)
	e.Origin = want.Origin // a ghost
	return e
}

// takeBack: a person takes the last choice back. Where this node gave way, or
// the peer is not known to have followed, the conflict can be held again.
func (m *model) takeBack(s *state, i int) bool {
	n := &s.node[i]
	if n.before == nil {
		return false
	}
	forget := !index.SameContent(n.before, n.ours) || n.theirs.Version.Compare(n.met.Version) == index.Equal
	s.edits++
	n.seq++
	e := *TakenBack(n.before, n.ours, forget, 0, index.Epoch(i+1), n.seq)
	e.Origin = n.before.Origin
	s.lost |= uint16(n.ours.Origin)
	s.past[s.edits], s.what[s.edits] = n.seen, 'u'
	s.dot[s.edits] = index.Counter{Epoch: index.Epoch(i + 1), Seq: n.seq}
	s.kept |= uint16(e.Origin)
	n.ours, n.dirty, n.before, n.met = &e, true, nil, nil
	return true
}

// person: c and o choose ours or the other's side of a held conflict, r keeps
// a directory because of its contents.
func (m *model) person(s *state, i int, letter byte) bool {
	n := &s.node[i]
	v := Decide(n.ours, n.theirs, m.policyOf(i))
	var e index.Entry
	switch {
	case letter == 'r' && (v.Act == Take || v.Act == TakeOver) && n.ours.Live() && n.ours.Kind == index.Dir && v.Entry.Kind != index.Dir:
		e = *Revived(n.ours, n.theirs)
	case letter == 'c' && v.Act == Hold:
		e = *m.rule(n.ours, n, i)
		s.lost |= uint16(n.theirs.Origin)
	case letter == 'o' && v.Act == Hold:
		e = *m.rule(n.theirs, n, i)
		s.lost |= uint16(n.ours.Origin)
	default:
		return false
	}
	s.edits++
	n.seq++
	e.Version = e.Version.With(index.Epoch(i+1), n.seq)
	n.seen |= uint16(n.ours.Origin | n.theirs.Origin)
	s.past[s.edits], s.what[s.edits] = n.seen, letter
	s.dot[s.edits] = index.Counter{Epoch: index.Epoch(i + 1), Seq: n.seq}
	s.kept |= uint16(e.Origin)
	n.before, n.met = nil, nil
	if letter != 'r' {
		n.before, n.met = n.ours, n.theirs
	}
	n.ours, n.dirty = &e, true
	return true
}

func (m *model) act(s *state, i int) bool {
	n := &s.node[i]
	v := Decide(n.ours, n.theirs, m.policyOf(i))
	if v.Entry == nil {
		return false
	}
	e := *v.Entry
	if n.ours != nil && n.theirs != nil && seenBy(n.ours, n.theirs) && seenBy(n.theirs, n.ours) {
		s.crossed = true
	}
	switch v.Act {
	case Revive:
		n.seq++
		e.Version = e.Version.With(index.Epoch(i+1), n.seq)
	case TakeOver:
		s.lost |= uint16(n.ours.Origin)
	case Win:
		if v.Conflict {
			s.lost |= uint16(n.theirs.Origin)
		}
	case Take:
		m.checkTake(*s, n, v)
	}
	if v.Act == Agree {
		e.Origin = n.ours.Origin | n.theirs.Origin
	}
	n.ours, n.dirty = &e, true
	n.before, n.met = nil, nil
	n.seen |= uint16(e.Origin)
	return true
}

// checkTake: what Take displaces was seen by the author of some edit that the
// peer's version has seen, or is listed as the loser of a conflict. If edits
// keep Over then the loser's node can tell too, whatever the winner listed.
func (m *model) checkTake(s state, n *node, v Verdict) {
	if !n.ours.Live() || index.SameContent(n.ours, v.Entry) {
		return
	}
	var known index.NodeID
	for later := 1; later <= s.edits; later++ {
		if n.theirs.Version.At(s.dot[later].Epoch) >= s.dot[later].Seq {
			known |= index.NodeID(s.past[later])
		}
	}
	strict := m.keepOver && m.policy.Deletes == Track
	if n.ours.Origin&^known&^index.NodeID(s.lost) != 0 || strict && n.ours.Origin&known == 0 {
		m.fail(s, fmt.Sprintf("%s: %s displaces %s unseen, and is not called a conflict", v.Line, show(v.Entry), show(n.ours)))
	}
}

func (m *model) quiescent(s state) {
	m.ends++
	if s.edits == 0 {
		m.silent++
	}
	a, b := s.node[0], s.node[1]
	va, vb := Decide(a.ours, a.theirs, m.policyOf(0)), Decide(b.ours, b.theirs, m.policyOf(1))
	if va.Act == Hold && vb.Act == Hold {
		return
	}
	if va.Act != Nothing || vb.Act != Nothing {
		m.fail(s, fmt.Sprintf("silent, but A would %v (%s) and B %v (%s)", va.Act, va.Line, vb.Act, vb.Line))
	}
	if a.ours.Live() != b.ours.Live() || a.ours.Live() && (!index.Same(a.ours, b.ours) || a.ours.Version.Compare(b.ours.Version) != index.Equal) {
		m.fail(s, "the nodes end different")
	}
	m.nothingVanished(s, a.ours)
	if a.ours.Live() && m.policy.Deletes == Track {
		m.judge(s, a.ours)
	}
}

// nothingVanished: each content that was ever written prevails, or was seen by
// the author of a later edit, or is listed as the loser of a conflict.
func (m *model) nothingVanished(s state, end *index.Entry) {
	for id := 1; id <= s.edits; id++ {
		if !strings.ContainsRune("XYZDL", rune(s.what[id])) || end.Live() && s.stands(end, id) {
			continue
		}
		found := s.lost&(1<<id) != 0
		for later := id + 1; later <= s.edits; later++ {
			found = found || s.past[later]&(1<<id) != 0
		}
		if !found {
			m.fail(s, fmt.Sprintf("edit %d (%c) vanished", id, s.what[id]))
		}
	}
}

// stands reports whether e has the content that edit id wrote.
func (s *state) stands(e *index.Entry, id int) bool {
	switch s.what[id] {
	case 'D':
		return e.Kind == index.Dir
	case 'L':
		return e.Kind == index.Symlink
	default:
		return e.Kind == index.File && e.Hash[0] == s.what[id]
	}
}

// judge: what prevails was not replaced or deleted by somebody who had seen
// it. The exception is a crossing, where what is live stays, to be safe.
func (m *model) judge(s state, end *index.Entry) {
	for id := range s.edits + 1 {
		if !s.stands(end, id) && end.Origin&(1<<id) == 0 {
			continue
		}
		replaced := false
		for later := id + 1; later <= s.edits; later++ {
			replaced = replaced || s.past[later]&(1<<id) != 0 && end.Origin&(1<<later) == 0 && s.what[later] != 't'
		}
		if !replaced || s.kept&uint16(end.Origin) != 0 {
			return
		}
	}
	m.stale++
	if !s.crossed {
		m.fail(s, "something came back")
	}
}

func (m *model) describe(s state) string {
	var b strings.Builder
	for i, n := range s.node {
		fmt.Fprintf(&b, " %c: ours %s, theirs %s;", 'A'+i, show(n.ours), show(n.theirs))
	}
	return b.String()
}

func show(e *index.Entry) string {
	if e == nil {
		return "nil"
	}
	var v []string
	for _, c := range e.Version {
		v = append(v, fmt.Sprintf("%c%d", 'a'+c.Epoch-1, c.Seq))
	}
	return fmt.Sprintf("%v#%d{%s}", e.Kind, e.Origin, strings.Join(v, " "))
}

func (m *model) fail(s state, why string) {
	m.t.Helper()
	m.t.Fatalf("%s\n%s\nafter: %s", why, m.describe(s), strings.Join(m.path, ", "))
}

func (s *state) key() []byte {
	b := make([]byte, 0, 240)
	for i := range s.node {
		n := &s.node[i]
		b = append(b, byte(n.seq), byte(n.waiting), byte(n.seen), byte(n.seen>>8))
		if n.dirty {
			b = append(b, 1)
		}
		for _, e := range []*index.Entry{n.ours, n.theirs, n.inbox[0], n.inbox[1], n.before, n.met} {
			b = appendEntry(b, e)
		}
	}
	for id := 1; id <= s.edits; id++ {
		b = append(b, byte(s.past[id]), s.what[id], byte(s.dot[id].Epoch), byte(s.dot[id].Seq))
	}
	if s.crossed {
		b = append(b, 1)
	}
	return append(b, byte(s.lost), byte(s.kept))
}

func appendEntry(b []byte, e *index.Entry) []byte {
	if e == nil {
		return append(b, 0)
	}
	b = append(b, byte(e.Kind), e.Hash[0], byte(e.Mode), byte(e.Origin), byte(len(e.Over)))
	if e.Apart {
		b = append(b, 1)
	}
	for _, c := range slices.Concat(e.Version, e.Over) {
		b = append(b, byte(c.Epoch), byte(c.Seq))
	}
	if e.Settled == nil {
		return append(b, 0)
	}
	b = append(b, 1+byte(len(e.Settled.Upto)))
	for _, c := range e.Settled.Upto {
		b = append(b, byte(c.Epoch), byte(c.Seq))
	}
	return b
}

var deep = flag.Bool("deep", false, "let the model run through some millions of states")

func TestModel(t *testing.T) {
	for _, c := range []struct {
		name     string
		policy   Policy
		alphabet string
		edits    int
		synced   bool // both start with the same file
		keepOver bool
		deep     bool
	}{
		{name: "newer", alphabet: "XYtd", edits: 3, keepOver: true},
		{name: "newer, from nothing", alphabet: "XDLd", edits: 3, keepOver: true},
		{name: "newer, edits forget what was beaten", alphabet: "XYd", edits: 3},
		{name: "older, a long race", policy: Policy{Conflict: Older}, alphabet: "Xd", edits: 4, keepOver: true},
		{name: "smaller", policy: Policy{Conflict: Smaller}, alphabet: "XZd", edits: 3, keepOver: true},
		{name: "node", policy: Policy{Conflict: Node, Winner: 2}, alphabet: "XDd", edits: 3, synced: true, keepOver: true},
		{name: "hold", policy: Policy{Conflict: OnHold}, alphabet: "XYdco", edits: 3, keepOver: true},
		{name: "hold, and taken back", policy: Policy{Conflict: OnHold}, alphabet: "XYcou", edits: 4, keepOver: true},
		{name: "never", policy: Policy{Deletes: Never}, alphabet: "Xtd", edits: 3, synced: true, keepOver: true},
		{name: "running", policy: Policy{Deletes: Running}, alphabet: "Xda", edits: 3, synced: true, keepOver: true},
		{name: "directory with contents", alphabet: "XDdr", edits: 3, synced: true, keepOver: true},

		{name: "deep newer", alphabet: "XYZDLtd", edits: 3, synced: true, keepOver: true, deep: true},
		{name: "deep newer, forgetting", alphabet: "XYZDtd", edits: 3, synced: true, deep: true},
		{name: "deep race", alphabet: "XYd", edits: 4, synced: true, keepOver: true, deep: true},
		{name: "deep race, from nothing", alphabet: "XYd", edits: 4, keepOver: true, deep: true},
		{name: "deep race, forgetting", alphabet: "XYd", edits: 4, synced: true, deep: true},
		{name: "deep race, older", policy: Policy{Conflict: Older}, alphabet: "XYd", edits: 4, synced: true, keepOver: true, deep: true},
		{name: "deep hold", policy: Policy{Conflict: OnHold}, alphabet: "XYdco", edits: 4, keepOver: true, deep: true},
		{name: "deep hold, and taken back", policy: Policy{Conflict: OnHold}, alphabet: "XYdcou", edits: 4, keepOver: true, deep: true},
		{name: "deep never", policy: Policy{Deletes: Never}, alphabet: "XYd", edits: 4, synced: true, keepOver: true, deep: true},
		{name: "deep running", policy: Policy{Deletes: Running}, alphabet: "Xda", edits: 4, synced: true, keepOver: true, deep: true},
		{name: "deep directory", alphabet: "XDdr", edits: 4, synced: true, keepOver: true, deep: true},
	} {
		if c.deep && !*deep {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			m := newModel(t, c.policy, c.alphabet, c.edits, c.keepOver)
			m.explore(start(c.synced))
			if m.ends == 0 || m.silent == m.ends {
				t.Errorf("%d ends, %d without any edit: this tests nothing", m.ends, m.silent)
			}
			t.Logf("%d states, %d ends, %d of them after a crossing that kept something", len(m.visited), m.ends, m.stale)
		})
	}
}
