package index

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
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
	if inRecord && e.Entry == nil {
		return nil, fmt.Errorf("event %q: no entry to leave out", e.Path)
	}
	return appendEvent(make([]byte, 0, 160), e, prev, inRecord), nil
}

func appendEvent(b []byte, e *Event, prev Path, inRecord bool) []byte {
	shared := sharedBytes(prev, e.Path)
	node, form := e.Node, uint64(0)
	if inRecord {
		form |= entryInRecord
	}
	if e.Entry != nil && e.Node == e.Entry.Origin {
		form |= nodeIsOrigin
		node = 0
	}
	b = putVarint(b, 1, uint64(shared))
	b = putBytes(b, 2, e.Path[shared:])
	b = putVarint(b, 3, uint64(e.What))
	b = putVarint(b, 4, uint64(e.How))
	b = putFixed(b, 5, uint64(node))
	b = putFixed(b, 6, uint64(e.Time))
	b = putBytes(b, 7, e.From)
	if !inRecord {
		b = putEntry(b, 8, e.Entry)
	}
	b = putBytes(b, 9, e.Note)
	b = putVarint(b, 10, form)
	rule := ruleNumber(e.Rule)
	b = putVarint(b, 11, uint64(rule))
	b = putBytes(b, 12, e.To)
	b = putVarint(b, 13, uint64(e.Seen.How))
	if e.Seen.How != 0 {
		b = putVarint(b, 14, protowire.EncodeZigZag(e.Time-e.Seen.Time))
	}
	if rule == 0 {
		b = putBytes(b, 15, e.Rule)
	}
	return b
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
	s := StoredEvent{raw: b, prev: prev}
	var shared, ago uint64
	var rest []byte
	var rule string
	f := fields{rest: b}
	for f.next() {
		var err error
		switch f.num {
		case 1:
			shared = f.v
		case 2:
			rest = f.b
		case 3:
			s.What, err = What(f.v), known("what", f.v, uint64(lastWhat))
		case 4:
			s.How, err = How(f.v), known("how", f.v, uint64(ByRule))
		case 5:
			s.Node = NodeID(f.v)
		case 6:
			s.Time = int64(f.v)
		case 7:
			s.From = Path(f.b)
		case 8:
			s.Entry, err = readEntry(f.b)
		case 9:
			s.Note = string(f.b)
		case 10:
			s.InRecord, s.origin = f.v&entryInRecord != 0, f.v&nodeIsOrigin != 0
		case 11:
			if err = known("rule", f.v, uint64(len(ruleNames)-1)); err == nil {
				s.Rule = ruleNames[f.v]
			}
		case 12:
			s.To = Path(f.b)
		case 13:
			s.Seen.How, err = How(f.v), known("seen how", f.v, uint64(ByRule))
		case 14:
			ago = f.v
		case 15:
			rule = string(f.b)
		default:
			err = errCanonical
		}
		if err != nil {
			return StoredEvent{}, err
		}
	}
	if f.bad {
		return StoredEvent{}, errCanonical
	}
	if shared > uint64(len(prev)) {
		return StoredEvent{}, fmt.Errorf("shares %d bytes with a path of %d", shared, len(prev))
	}
	s.Path, s.Rule = prev[:shared]+Path(rest), s.Rule+rule
	if s.Seen.How != 0 {
		s.Seen.Time = s.Time - protowire.DecodeZigZag(ago)
	}
	if s.origin && !s.InRecord {
		if s.Entry == nil {
			return StoredEvent{}, errors.New("origin of no entry")
		}
		s.Node = s.Entry.Origin
	}
	return s, s.Check()
}

// known refuses a number beyond the last one that has a meaning.
func known(what string, v, last uint64) error {
	if v > last {
		return fmt.Errorf("%s %d is unknown", what, v)
	}
	return nil
}

func (s *StoredEvent) canonical() error {
	err := s.Check()
	if err == nil && s.InRecord && s.Entry == nil {
		err = fmt.Errorf("event %q: no entry to leave out", s.Path)
	}
	if err != nil {
		return err
	}
	var room [512]byte
	return Canonical(s.raw, appendEvent(room[:0], &s.Event, s.prev, s.InRecord), nil)
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
	var before, behind []byte // of the entry
	detached := false
	for rest := b; len(rest) > 0; {
		num, typ, n := protowire.ConsumeField(rest)
		if n < 0 {
			return nil, errCanonical
		}
		field := rest[:n]
		rest = rest[n:]
		switch {
		case num == 8:
			return b, nil // it has its entry
		case num < 8:
			before = append(before, field...)
		case num == 10 && typ == protowire.VarintType:
			_, _, size := protowire.ConsumeTag(field)
			form, _ := protowire.ConsumeVarint(field[size:])
			detached = form&entryInRecord != 0
			behind = putVarint(behind, 10, form&^entryInRecord)
		default:
			behind = append(behind, field...)
		}
	}
	if !detached {
		return b, nil
	}
	return append(putEntry(before, 8, ours), behind...), nil
}
