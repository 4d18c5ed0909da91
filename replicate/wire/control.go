package wire

import (
	"fmt"
	"strconv"
	"strings"

	"duet/replicate/wire/wirepb"
	"duet/store/index"
)

// Ack says that the sender has the receiver's journal on stable storage up to
// a position.
type Ack struct {
	Heard index.Seq
	Stuck Stuck // what of that is left to be done waits for this; zero if nothing does
	// Whole is a position of the sender's own journal: it has all that was deleted
	// in the sender's tree by the time at which nothing had been going on there for
	// a while. 0: nothing is said. It may be said again.
	Whole index.Seq
	Guard *Guard // if it has changed since it was last said; else nil
}

// Stuck is what keeps a node from doing what is left to be done before a person
// has done something.
type Stuck struct {
	For  StuckFor
	Text string // for people; printable, at most MaxText bytes
}

// StuckFor is what a node waits for.
type StuckFor uint8

// What a node can wait for.
const (
	ForApproval  StuckFor = iota + 1 // of deletes, or of a plan
	ForConflicts                     // that are held
	ForResume                        // it is paused
	ForProblems                      // of paths, in spite of several tries
)

func (m *Ack) proto() *wirepb.Ack {
	p := &wirepb.Ack{Heard: uint64(m.Heard), Whole: uint64(m.Whole), Guard: m.Guard.proto()}
	if m.Stuck.For != 0 {
		p.Stuck = &wirepb.Stuck{For: wirepb.Stuck_For(m.Stuck.For), Text: Text(m.Stuck.Text)}
	}
	return p
}

// ackFrom reads what an older version does not say, and skips what only a newer
// one knows.
func ackFrom(p *wirepb.Ack) *Ack {
	m := &Ack{Heard: index.Seq(p.Heard), Whole: index.Seq(p.Whole), Guard: guardFrom(p.Guard)}
	if s := p.Stuck; s != nil && s.For > 0 && s.For <= wirepb.Stuck_For(ForProblems) {
		m.Stuck = Stuck{StuckFor(s.For), Text(s.Text)}
	}
	return m
}

// Control steers the session.
type Control struct {
	Kind ControlKind
	Text string // says why, for people; printable, at most MaxText bytes

	Reserve *index.Reserve // Release: but for this; nil: of everything. Only to a peer whose Hello has Reserves
}

// ControlKind is what a Control says.
type ControlKind uint8

// What a Control can say.
const (
	Hold    ControlKind = iota + 1 // apply nothing of mine until Release
	Release                        // go on
	Bye                            // this node stops in an orderly way
	Refuse                         // this node will not sync with the peer as things are
)

func (k ControlKind) String() string {
	if k < Hold || k > Refuse {
		return fmt.Sprintf("control(%d)", uint8(k))
	}
	return [...]string{"hold", "release", "bye", "refuse"}[k-1]
}

func (m *Ack) check() error {
	if m.Stuck.For > ForProblems {
		return fmt.Errorf("unknown stuck %d", m.Stuck.For)
	}
	return m.Guard.check()
}

func (m *Control) check() error {
	if m.Kind < Hold || m.Kind > Refuse {
		return fmt.Errorf("unknown kind %d", m.Kind)
	}
	if m.Reserve != nil && m.Kind != Release {
		return fmt.Errorf("a %v that leaves something out", m.Kind)
	}
	return m.Reserve.Check()
}

func (m *Control) proto() *wirepb.Control {
	return &wirepb.Control{Kind: wirepb.Control_Kind(m.Kind), Text: Text(m.Text), Reserve: index.ReserveProto(m.Reserve)}
}

func controlFrom(p *wirepb.Control) (*Control, error) {
	if p.Kind < 0 || p.Kind > 255 {
		return nil, fmt.Errorf("unknown kind %d", p.Kind)
	}
	left, err := index.ReserveFrom(p.Reserve)
	if err != nil {
		return nil, fmt.Errorf("left out of a plan: %w", err)
	}
	return &Control{ControlKind(p.Kind), Text(p.Text), left}, nil
}

// Text returns s as it may be sent and shown: one line, without anything that
// could steer a terminal, at most MaxText bytes. Messages pass their texts
// through it in both directions.
func Text(s string) string {
	s = strings.Map(func(r rune) rune {
		if strconv.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
	if len(s) <= MaxText {
		return s
	}
	return strings.ToValidUTF8(s[:MaxText-3], "") + "..."
}
