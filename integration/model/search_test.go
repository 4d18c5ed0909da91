package model

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"duet/diff"
	"duet/store/index"
)

const maxEdits = 7

type written struct{ path, letter uint8 }

// state is all there is. It is plain memory: see ref.
type state struct {
	node [2]node
	up   bool   // there is a session
	said [2]seq // by each node, in this session
	told [2]seq // to each node: the other's last position
	mail [2]ref // from each node, on its way: a message
	acks [2]seq // from each node, on their way

	edits, faults uint8
	last          uint8
	epochs        uint8
	run           uint8
	backup        ref // a node
	whose         uint8

	// Ghosts, which no node knows.
	written    [maxEdits + 1]written
	superseded uint16 // edits that a user had seen who then made another
	removed    uint16 // edits that a user had seen who then deleted
	listed     uint16 // edits that lost a conflict
	acked      uint16 // edits whose delete both nodes have
	merged     uint16 // edits that made what another one made, too
	excused    uint16
	weird      bool // an index was lost or put back
}

// model is one configuration.
type model struct {
	decide func(ours, theirs *index.Entry, p diff.Policy) diff.Verdict
	rule   diff.Policy
	edits  uint8
	tops   string // what users make of the first path; 'd' deletes
	inners string
	faults string // c cut, r restart, l lose the index, b backup and restore
	nfault uint8
	start  byte // what both have at the first path; D: with X in it

	*tables
	wrong  string // what the last action did that must not be
	states int
	ends   int
}

func (m *model) policy(i int) diff.Policy {
	p := m.rule
	p.Self, p.Peer = 1, 2
	if i == 1 {
		p = p.Mirror()
	}
	return p
}

// action is one thing that can happen. do returns false, and leaves the state
// as it is, if it cannot happen there.
type action struct {
	name string
	user bool // or a fault: not something that the protocol does by itself
	do   func(s *state) bool
}

func (m *model) actions() []action {
	all := []action{{"meet", false, m.meet}}
	for i := range 2 {
		who := string(rune('A' + i))
		own := func(name string, user bool, do func(*state, int) bool) {
			all = append(all, action{who + " " + name, user, func(s *state) bool { return do(s, i) }})
		}
		own("sends", false, m.send)
		own("hears", false, m.hear)
		own("hears the ack", false, m.ack)
		for p := range paths {
			at := string(names[p])
			own("notices "+at, false, func(s *state, i int) bool { return m.notice(s, i, p) })
			own("installs "+at, false, func(s *state, i int) bool { return m.install(s, i, p) })
			for _, letter := range []byte([]string{m.tops, m.inners}[p]) {
				what := fmt.Sprintf("writes %c to %s", letter, at)
				if letter == 'd' {
					what, letter = "deletes "+at, 0
				}
				own(what, true, func(s *state, i int) bool { return m.edit(s, i, p, letter) })
			}
			if m.rule.Conflict == diff.OnHold {
				own("decides that its "+at+" stays", true, func(s *state, i int) bool { return m.choose(s, i, p, true) })
				own("decides for the other's "+at, true, func(s *state, i int) bool { return m.choose(s, i, p, false) })
			}
		}
		all = append(all, m.mishaps(i, who)...)
	}
	return all
}

func (m *model) mishaps(i int, who string) (all []action) {
	fault := func(name string, do func(*state, int) bool) {
		all = append(all, action{who + " " + name, true, func(s *state) bool {
			if s.faults == m.nfault || !do(s, i) {
				return false
			}
			s.faults++
			return true
		}})
	}
	for _, c := range m.faults {
		switch c {
		case 'c':
			if i == 0 {
				fault("is cut off", m.part)
			}
		case 'r':
			fault("crashes", m.restart)
		case 'l':
			fault("loses its index", m.loseIndex)
		case 'b':
			all = append(all, action{who + " is backed up", true, func(s *state) bool { return s.faults < m.nfault && m.backup(s, i) }})
			fault("gets its index back from the backup", func(s *state, i int) bool { return m.restore(s, i, false) })
			fault("gets all back from the backup", func(s *state, i int) bool { return m.restore(s, i, true) })
		}
	}
	return all
}

// step is how a state was first reached.
type step struct {
	from   int32
	action uint8
}

// search goes through all states, breadth first, and returns the shortest way
// to one that must not be, "" if there is none. How each state was reached is
// only remembered by a second search, if there is something to tell.
func (m *model) search() string {
	if why, _ := m.through(nil); why == "" {
		return ""
	}
	steps := []step{{-1, 0}}
	why, s := m.through(&steps)
	actions := m.actions()
	at := len(steps) - 1
	if s.at >= 0 {
		at = s.at
	}
	var names []string
	for ; steps[at].from >= 0; at = int(steps[at].from) {
		names = append(names, actions[steps[at].action].name)
	}
	slices.Reverse(names)
	return fmt.Sprintf("%s\nafter %d steps: %s\n%s", why, len(names), strings.Join(names, ", "), m.show(&s.state))
}

// found is a state that must not be; at is its number, -1 if it is the last.
type found struct {
	state
	at int
}

func (m *model) through(steps *[]step) (string, found) {
	m.tables, m.states, m.ends = newTables(), 1, 0
	hashes, seen := maphash.MakeSeed(), newSet()
	first := m.first()
	seen.add(maphash.Comparable(hashes, first))
	actions := m.actions()
	level, next, at := []state{first}, []state{}, 0
	var s state // one for all, or each try would be garbage
	for len(level) > 0 {
		next = next[:0]
		for k := range level {
			s = level[k]
			busy := false
			for a := range actions {
				m.wrong = ""
				if !actions[a].do(&s) {
					continue
				}
				busy = busy || !actions[a].user
				why := m.check(&s)
				if why != "" || seen.add(maphash.Comparable(hashes, s)) {
					m.states++
					next = append(next, s)
					if steps != nil {
						*steps = append(*steps, step{int32(at + k), uint8(a)})
					}
				}
				if why != "" {
					return why, found{s, -1}
				}
				s = level[k]
			}
			if busy {
				continue
			}
			m.ends++
			if why := m.end(&level[k]); why != "" {
				return why, found{level[k], at + k}
			}
		}
		at += len(level)
		level, next = next, level
	}
	return "", found{}
}

// set is a set of hashes of states. That two of n states share one, so that
// the second is not looked at, has a probability of n*n/2^65: one in ten
// thousand for fifty million states.
type set struct {
	slots []uint64 // 0: free
	n     int
}

func newSet() *set { return &set{slots: make([]uint64, 1<<16)} }

// add reports whether h was not there.
func (t *set) add(h uint64) bool {
	h |= 1
	if t.n > len(t.slots)/4*3 {
		old := t.slots
		t.slots, t.n = make([]uint64, 2*len(old)), 0
		for _, h := range old {
			if h != 0 {
				t.add(h)
			}
		}
	}
	mask := uint64(len(t.slots) - 1)
	for i := h >> 1 & mask; ; i = (i + 1) & mask {
		switch t.slots[i] {
		case 0:
			t.slots[i] = h
			t.n++
			return true
		case h:
			return false
		}
	}
}
