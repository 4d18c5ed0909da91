package index

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"duet/store/index/indexpb"
)

// MaxNote is how many bytes an Event's note may have.
const MaxNote = 512

// Bits of an Event's form field.
const (
	entryInRecord = 1 << iota
	nodeIsOrigin
)

// Check states what holds for every event by itself.
func (e *Event) Check() error {
	if e.Path != Root || !e.What.OfShare() {
		if err := checkPath("event", e.Path); err != nil {
			return err
		}
	}
	if e.From != Root {
		if err := checkPath("event moved from", e.From); err != nil {
			return err
		}
	}
	if e.To != Root {
		if err := checkPath("event moved to", e.To); err != nil {
			return err
		}
	}
	switch {
	case e.What < Created || e.What > lastWhat:
		return fmt.Errorf("event %q: what %d is unknown", e.Path, e.What)
	case e.How < ByWatch || e.How > ByRule:
		return fmt.Errorf("event %q: how %d is unknown", e.Path, e.How)
	case len(e.Note) > MaxNote:
		return fmt.Errorf("event %q: note of %d bytes: the limit is %d", e.Path, len(e.Note), MaxNote)
	case len(e.Rule) > MaxRule:
		return fmt.Errorf("event %q: rule of %d bytes: the limit is %d", e.Path, len(e.Rule), MaxRule)
	}
	err := e.Seen.check()
	if err == nil && e.Seen.Other != Root {
		err = errors.New("a sighting's other end is the event's")
	}
	if err != nil {
		return fmt.Errorf("event %q: %w", e.Path, err)
	}
	if e.Entry == nil {
		return nil
	}
	if err := e.Entry.check(); err != nil {
		return fmt.Errorf("event %q: %w", e.Path, err)
	}
	return nil
}

// MarshalEvent encodes e but for its position, which is its key. prev is the
// path of the event before, or Root to make this one readable without it. With
// inRecord, the entry is left out because the path's record has it.
func MarshalEvent(e *Event, prev Path, inRecord bool) ([]byte, error) {
	if err := e.Check(); err != nil {
		return nil, err
	}
	shared := sharedBytes(prev, e.Path)
	m := &indexpb.Event{
		Shared: uint32(shared), Path: []byte(e.Path[shared:]), What: uint32(e.What), How: uint32(e.How),
		Node: uint64(e.Node), Time: e.Time, From: []byte(e.From), Note: []byte(e.Note),
		To: []byte(e.To), SeenHow: uint32(e.Seen.How),
	}
	if e.Seen.How != 0 {
		m.SeenAgo = e.Time - e.Seen.Time
	}
	if m.Rule = ruleNumber(e.Rule); m.Rule == 0 {
		m.RuleName = []byte(e.Rule)
	}
	if inRecord {
		if e.Entry == nil {
			return nil, fmt.Errorf("event %q: no entry to leave out", e.Path)
		}
		m.Form |= entryInRecord
	} else {
		m.Entry = EntryToProto(e.Entry)
	}
	if e.Entry != nil && e.Node == e.Entry.Origin {
		m.Form |= nodeIsOrigin
		m.Node = 0
	}
	return Encode(m)
}

func sharedBytes(a, b Path) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// StoredEvent is an event as the journal has it: its entry may be in the
// record of its path.
type StoredEvent struct {
	Event
	InRecord bool // Fill is needed, before Node or Entry is used
	origin   bool // Node is the entry's origin
	raw      []byte
	prev     Path
}

// EventPath reads only the path of what MarshalEvent wrote with the same prev.
// To know the path of one event, a reader has to know those of some before.
func EventPath(b []byte, prev Path) (Path, error) {
	var shared uint64
	var rest []byte
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 || num > 2 {
			break // fields are in order, and an empty one is left out
		}
		b = b[n:]
		switch {
		case num == 1 && typ == protowire.VarintType:
			shared, n = protowire.ConsumeVarint(b)
		case num == 2 && typ == protowire.BytesType:
			rest, n = protowire.ConsumeBytes(b)
		default:
			n = -1
		}
		if n < 0 {
			return "", errCanonical
		}
		b = b[n:]
	}
	if shared > uint64(len(prev)) {
		return "", fmt.Errorf("shares %d bytes with a path of %d", shared, len(prev))
	}
	return prev[:shared] + Path(rest), nil
}

// UnmarshalEvent decodes what MarshalEvent wrote at pos, with the same prev.
// If the entry is in the record, the check for canonical form waits for Fill.
func UnmarshalEvent(pos Seq, b []byte, prev Path) (StoredEvent, error) {
	s, err := unmarshalEvent(b, prev)
	if err == nil && !s.InRecord {
		err = s.canonical()
	}
	if err != nil {
		return StoredEvent{}, fmt.Errorf("read event %d: %w", pos, err)
	}
	s.Pos = pos
	return s, nil
}

func unmarshalEvent(b []byte, prev Path) (StoredEvent, error) {
	var m indexpb.Event
	if err := Decode(b, &m); err != nil {
		return StoredEvent{}, err
	}
	if int64(m.Shared) > int64(len(prev)) {
		return StoredEvent{}, fmt.Errorf("shares %d bytes with a path of %d", m.Shared, len(prev))
	}
	if m.What > uint32(lastWhat) || m.How > uint32(ByRule) || m.SeenHow > uint32(ByRule) || int64(m.Rule) >= int64(len(ruleNames)) {
		return StoredEvent{}, fmt.Errorf("what %d, how %d, seen how %d, rule %d are unknown", m.What, m.How, m.SeenHow, m.Rule)
	}
	entry, err := entryFromProto(m.Entry)
	if err != nil {
		return StoredEvent{}, err
	}
	s := StoredEvent{
		Event: Event{
			Path: prev[:m.Shared] + Path(m.Path), What: What(m.What), How: How(m.How), Node: NodeID(m.Node),
			Time: m.Time, From: Path(m.From), To: Path(m.To), Entry: entry, Rule: ruleNames[m.Rule] + string(m.RuleName), Note: string(m.Note),
			Seen: Sighting{How: How(m.SeenHow)},
		},
		InRecord: m.Form&entryInRecord != 0,
		origin:   m.Form&nodeIsOrigin != 0,
		raw:      b,
		prev:     prev,
	}
	if m.SeenHow != 0 {
		s.Seen.Time = m.Time - m.SeenAgo
	}
	if s.origin && !s.InRecord {
		if entry == nil {
			return StoredEvent{}, errors.New("origin of no entry")
		}
		s.Node = entry.Origin
	}
	return s, s.Check()
}

func (s *StoredEvent) canonical() error {
	want, err := MarshalEvent(&s.Event, s.prev, s.InRecord)
	return Canonical(s.raw, want, err)
}

// Fill returns the event with ours, the entry of the path's record.
func (s StoredEvent) Fill(ours *Entry) (Event, error) {
	if !s.InRecord {
		return s.Event, nil
	}
	if ours == nil {
		return Event{}, fmt.Errorf("read event %d: the record of %q has no entry", s.Pos, s.Path)
	}
	s.Entry = ours
	if s.origin {
		s.Node = ours.Origin
	}
	if err := s.canonical(); err != nil {
		return Event{}, fmt.Errorf("read event %d: %w", s.Pos, err)
	}
	return s.Event, nil
}

// Detach returns the encoding of an event whose record is about to lose ours:
// the same event with its entry written out.
func Detach(b []byte, ours *Entry) ([]byte, error) {
	var m indexpb.Event
	if err := Decode(b, &m); err != nil {
		return nil, err
	}
	if m.Form&entryInRecord == 0 {
		return b, nil
	}
	m.Form &^= entryInRecord
	m.Entry = EntryToProto(ours)
	return Encode(&m)
}
