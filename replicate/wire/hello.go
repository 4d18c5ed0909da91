package wire

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"duet/replicate/wire/wirepb"
	"duet/store/index"
)

// Hello is the first message of a session, in both directions.
type Hello struct {
	Protocol uint32 // highest protocol version that the sender speaks
	Oldest   uint32 // lowest
	Version  string // of the program, for people

	Share    string
	NodeName string
	Node     index.NodeID

	// The sender's journal: which life it is in, its last position, and the
	// run that writes it.
	Epoch index.Epoch
	Head  index.Seq
	Run   uint64

	// What the sender remembers of the receiver's journal; zero if nothing.
	HeardEpoch index.Epoch
	Heard      index.Seq
	HeardRun   uint64
	Ahead      index.Seq // the greatest position that it has heard ahead of its turn; 0: none behind Heard
	AheadRun   uint64    // the run that wrote it

	// What has to be known of each other's configuration.
	Conflict    string // the conflict policy
	Deletes     string // the delete policy
	SpecialBits bool
	SyncOwners  bool
	Hold        bool // the sender wants nothing applied until a person has looked

	Clock   int64  // ns since 1970, the sender's clock when it sent this
	Records uint64 // paths in the sender's index, for progress

	// Scanning means that the sender's first scan of all goes on: it tells of what
	// it has found, and hears nothing before a Changes without Scanning. Only to a
	// peer that speaks protocol Early.
	Scanning bool

	// Ignore are the lines of the sender's ignore rules. The receiver leaves
	// alone what they name. Whether they can be parsed is not known here.
	Ignore []string

	Reserves bool           // the sender knows what a Reserve is
	Reserve  *index.Reserve // what a person there has left out of a plan; nil: nothing

	Before index.Ending // of the sender's process before this one: stopped, crashed or unknown
	Life   uint64       // of its process; 0: not said

	Guard *Guard // nil: not said
}

// Speak returns the protocol version that two nodes use, or an error that says
// which of them is too old.
func Speak(ours, theirs *Hello) (uint32, error) {
	v := min(ours.Protocol, theirs.Protocol)
	switch {
	case v < ours.Oldest:
		return 0, fmt.Errorf("%s runs duet %s with protocol %d, and this node needs at least %d: upgrade duet there",
			theirs.NodeName, theirs.Version, theirs.Protocol, ours.Oldest)
	case v < theirs.Oldest:
		return 0, fmt.Errorf("%s runs duet %s, which needs at least protocol %d, and this node has %d: upgrade duet here",
			theirs.NodeName, theirs.Version, theirs.Oldest, ours.Protocol)
	}
	return v, nil
}

func (m *Hello) check() error {
	if m.Protocol == 0 || m.Oldest == 0 || m.Oldest > m.Protocol {
		return fmt.Errorf("protocol versions %d to %d", m.Oldest, m.Protocol)
	}
	if m.Share == "" || m.NodeName == "" {
		return fmt.Errorf("share %q of node %q: a name is missing", m.Share, m.NodeName)
	}
	for _, name := range []string{m.Version, m.Share, m.NodeName, m.Conflict, m.Deletes} {
		if err := checkName(name); err != nil {
			return err
		}
	}
	if m.Epoch == 0 {
		return fmt.Errorf("no epoch")
	}
	if m.HeardEpoch == 0 && (m.Heard != 0 || m.HeardRun != 0 || m.Ahead != 0) {
		return fmt.Errorf("remembers position %d of no epoch", max(m.Heard, m.Ahead))
	}
	if m.Ahead != 0 && m.Ahead <= m.Heard || m.Ahead == 0 && m.AheadRun != 0 {
		return fmt.Errorf("remembers position %d, and ahead of its turn %d", m.Heard, m.Ahead)
	}
	if _, ok := befores[m.Before]; !ok {
		return fmt.Errorf("its run before was %v", m.Before)
	}
	if err := m.Guard.check(); err != nil {
		return err
	}
	if err := m.Reserve.Check(); err != nil {
		return fmt.Errorf("left out of a plan: %w", err)
	}
	return CheckIgnore(m.Ignore)
}

// CheckIgnore reports whether a Hello can carry these ignore rules.
func CheckIgnore(lines []string) error {
	if len(lines) > MaxIgnores {
		return fmt.Errorf("%d ignore lines: the limit is %d", len(lines), MaxIgnores)
	}
	bytes := 0
	for _, line := range lines {
		bytes += len(line)
	}
	if bytes > MaxIgnoreBytes {
		return fmt.Errorf("ignore lines of %d bytes: the limit is %d", bytes, MaxIgnoreBytes)
	}
	return nil
}

// checkName checks a name that a person will see and that may be compared.
func checkName(s string) error {
	if len(s) > MaxName {
		return fmt.Errorf("name of %d bytes: the limit is %d", len(s), MaxName)
	}
	if !utf8.ValidString(s) || strings.IndexFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) >= 0 {
		return fmt.Errorf("name %q is not printable", s)
	}
	return nil
}

// befores are what a Hello can say of the run before.
var befores = map[index.Ending]wirepb.Hello_Before{
	index.EndedSomehow: wirepb.Hello_UNSAID,
	index.EndedStopped: wirepb.Hello_STOPPED,
	index.EndedCrashed: wirepb.Hello_CRASHED,
}

func (m *Hello) proto() *wirepb.Hello {
	p := &wirepb.Hello{
		Protocol: m.Protocol, Oldest: m.Oldest, Version: m.Version,
		Share: m.Share, NodeName: m.NodeName, Node: uint64(m.Node),
		Epoch: uint64(m.Epoch), Head: uint64(m.Head), Run: m.Run,
		HeardEpoch: uint64(m.HeardEpoch), Heard: uint64(m.Heard), HeardRun: m.HeardRun,
		Ahead: uint64(m.Ahead), AheadRun: m.AheadRun,
		Conflict: m.Conflict, Deletes: m.Deletes,
		SpecialBits: m.SpecialBits, SyncOwners: m.SyncOwners, Hold: m.Hold,
		ClockNs: m.Clock, Records: m.Records,
		Reserves: m.Reserves, Reserve: index.ReserveProto(m.Reserve),
		Before: befores[m.Before], Life: m.Life, Guard: m.Guard.proto(), Scanning: m.Scanning,
	}
	for _, line := range m.Ignore {
		p.Ignore = append(p.Ignore, []byte(line))
	}
	return p
}

func helloFrom(p *wirepb.Hello) (*Hello, error) {
	m := &Hello{
		Protocol: p.Protocol, Oldest: p.Oldest, Version: p.Version,
		Share: p.Share, NodeName: p.NodeName, Node: index.NodeID(p.Node),
		Epoch: index.Epoch(p.Epoch), Head: index.Seq(p.Head), Run: p.Run,
		HeardEpoch: index.Epoch(p.HeardEpoch), Heard: index.Seq(p.Heard), HeardRun: p.HeardRun,
		Ahead: index.Seq(p.Ahead), AheadRun: p.AheadRun,
		Conflict: p.Conflict, Deletes: p.Deletes,
		SpecialBits: p.SpecialBits, SyncOwners: p.SyncOwners, Hold: p.Hold,
		Clock: p.ClockNs, Records: p.Records, Reserves: p.Reserves, Life: p.Life, Guard: guardFrom(p.Guard),
		Scanning: p.Scanning,
	}
	for _, line := range p.Ignore {
		m.Ignore = append(m.Ignore, string(line))
	}
	for ending, before := range befores { // what only a newer version knows is unknown
		if p.Before == before {
			m.Before = ending
		}
	}
	var err error
	if m.Reserve, err = index.ReserveFrom(p.Reserve); err != nil {
		return nil, fmt.Errorf("left out of a plan: %w", err)
	}
	return m, nil
}
