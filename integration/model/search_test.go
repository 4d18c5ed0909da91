package model

import (
	"fmt"
	"hash/maphash"
	"strings"

	"duet/diff"
	"duet/store/index"
)

const maxEdits = 7

type written struct {
	path   int
	letter byte
}

// state is all there is.
type state struct {
	node [2]node
	up   bool         // there is a session
	said [2]index.Seq // by each node, in this session
	told [2]index.Seq // to each node: the other's last position
	mail [2]*message  // from each node, on its way
	acks [2]index.Seq // from each node, on their way

	edits, faults int
	last          byte
	epochs        index.Epoch
	run           uint64
	backup        *node
	whose         int

	// Ghosts, which no node knows.
	written    [maxEdits + 1]written
	superseded uint16 // edits that a user had seen who then made another
	listed     uint16 // edits that lost a conflict
	acked      uint16 // edits whose delete both nodes have
	merged     uint16 // edits that made what another one made, too
	excused    uint16
	weird      bool   // an index was lost or put back
	wrong      string // what must not be
}

// model is one configuration.
type model struct {
	decide func(ours, theirs *index.Entry, p diff.Policy) diff.Verdict
	rule   diff.Policy
	edits  int
	tops   string // what users make of the first path; 'd' deletes
	inners string
	faults string // r restart, l lose the index, b backup and restore
	nfault int
	start  byte // what both have at the first path; D: with X in it

	seed  maphash.Seed
	buf   []byte // of key
	seen  map[uint64]bool
	steps []step // all states found, by how they were found
	ends  int
}

// step is how a state was first reached.
type step struct {
	from   int32
	action uint8
}

func (m *model) policy(i int) diff.Policy {
	p := m.rule
	p.Self, p.Peer = 1, 2
	if i == 1 {
		p = p.Mirror()
	}
	return p
}

// action is one thing that can happen.
type action struct {
	name string
	user bool // or a fault: not something that the protocol does by itself
	do   func(s *state) bool
}

func (m *model) actions() []action {
	all := []action{{"meet", false, m.meet}}
	for i := range 2 {
		who := string(rune('A' + i))
		own := func(name string, do func(*state, int) bool) {
			all = append(all, action{name + " " + who, false, func(s *state) bool { return do(s, i) }})
		}
		own("send", m.send)
		own("hear", m.hear)
		own("ack", m.ack)
		for p := range paths {
			at := " " + string(names[p])
			own("notice"+at, func(s *state, i int) bool { return m.notice(s, i, p) })
			own("install"+at, func(s *state, i int) bool { return m.install(s, i, p) })
			for _, letter := range []byte([]string{m.tops, m.inners}[p]) {
				what := fmt.Sprintf("%s writes %c to %s", who, letter, names[p])
				if letter == 'd' {
					what, letter = fmt.Sprintf("%s deletes %s", who, names[p]), 0
				}
				all = append(all, action{what, true, func(s *state) bool { return m.edit(s, i, p, letter) }})
			}
		}
		all = append(all, m.mishaps(i, who)...)
	}
	return all
}

func (m *model) mishaps(i int, who string) (all []action) {
	fault := func(name string, do func(*state, int) bool) {
		all = append(all, action{who + " " + name, true, func(s *state) bool {
			if s.faults == m.nfault {
				return false
			}
			s.faults++
			return do(s, i)
		}})
	}
	for _, c := range m.faults {
		switch c {
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

// search goes through all states, and returns the shortest way to one that
// must not be, "" if there is none.
func (m *model) search() string {
	m.seed, m.seen = maphash.MakeSeed(), make(map[uint64]bool)
	first := m.first()
	m.steps = []step{{-1, 0}}
	m.seen[m.key(&first)] = true
	actions := m.actions()
	level, at := []state{first}, 0
	var s state // one for all, or each try would be garbage
	for len(level) > 0 {
		var next []state
		for k := range level {
			busy := false
			for a := range actions {
				s = level[k]
				if !actions[a].do(&s) {
					continue
				}
				busy = busy || !actions[a].user
				if key := m.key(&s); !m.seen[key] {
					m.seen[key] = true
					m.steps = append(m.steps, step{int32(at + k), uint8(a)})
					next = append(next, s)
					if why := m.check(&s); why != "" {
						return m.tell(why, &s, len(m.steps)-1, actions)
					}
				}
			}
			if busy {
				continue
			}
			m.ends++
			if why := m.end(&level[k]); why != "" {
				return m.tell(why, &level[k], at+k, actions)
			}
		}
		at += len(level)
		level = next
	}
	return ""
}

// tell is the way to a state, in words.
func (m *model) tell(why string, s *state, at int, actions []action) string {
	var names []string
	for ; m.steps[at].from >= 0; at = int(m.steps[at].from) {
		names = append([]string{actions[m.steps[at].action].name}, names...)
	}
	return fmt.Sprintf("%s\nafter %d steps: %s\n%s", why, len(names), strings.Join(names, ", "), s)
}
