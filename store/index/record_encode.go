package index

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"duet/store/index/indexpb"
)

// Bits of a Record's same field.
const (
	baseIsOurs = 1 << iota
	baseIsTheirs
	theirsIsOurs
)

// Check states what holds for every record by itself.
func (r *Record) Check() error {
	if err := checkPath("record", r.Path); err != nil {
		return err
	}
	switch {
	case r.Ours == nil && r.Theirs == nil:
		return fmt.Errorf("record %q: neither ours nor theirs", r.Path)
	case (r.Ours == nil) != (r.Pos == 0):
		return fmt.Errorf("record %q: ours and its position %d do not fit", r.Path, r.Pos)
	case (r.Theirs == nil) != (r.Heard == 0):
		return fmt.Errorf("record %q: theirs and its position %d do not fit", r.Path, r.Heard)
	case !r.Ours.Live() && r.Stamp != Stamp{}:
		return fmt.Errorf("record %q: a stamp of nothing", r.Path)
	case r.Theirs == nil && r.Noticed != Sighting{}:
		return fmt.Errorf("record %q: a sighting of nothing", r.Path)
	case r.Stamp.Size < 0:
		return fmt.Errorf("record %q: stamp with size %d", r.Path, r.Stamp.Size)
	case r.Next > Left:
		return fmt.Errorf("record %q: next %d is unknown", r.Path, uint8(r.Next))
	}
	if err := r.Noticed.check(); err != nil {
		return fmt.Errorf("record %q: %w", r.Path, err)
	}
	for _, e := range []*Entry{r.Ours, r.Base, r.Theirs} {
		if e == nil {
			continue
		}
		if err := errors.Join(e.check(), checkKnown(e)); err != nil {
			return fmt.Errorf("record %q: %w", r.Path, err)
		}
	}
	return nil
}

// MarshalRecord encodes r but for its path, which is its key. class is the
// number of r's ClassOf, or 0 to write r in full.
func MarshalRecord(r *Record, class uint32) ([]byte, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	m := &indexpb.Record{
		Ours: EntryToProto(r.Ours), Pos: uint64(r.Pos), Heard: uint64(r.Heard), Next: uint32(r.Next), Class: class,
		HeardHow: uint32(r.Noticed.How), HeardTime: r.Noticed.Time, HeardOther: []byte(r.Noticed.Other),
	}
	switch {
	case r.Theirs == nil:
	case EqualEntries(r.Theirs, r.Ours):
		m.Same |= theirsIsOurs
	default:
		m.Theirs = EntryToProto(r.Theirs)
	}
	switch {
	case r.Base == nil:
	case EqualEntries(r.Base, r.Ours):
		m.Same |= baseIsOurs
	case EqualEntries(r.Base, r.Theirs):
		m.Same |= baseIsTheirs
	default:
		m.Base = EntryToProto(r.Base)
	}
	if r.Ours.Live() {
		m.Stamp = stampToProto(r.Stamp, r.Ours)
	}
	if class != 0 {
		c, ok := ClassOf(r)
		if !ok {
			return nil, fmt.Errorf("record %q: has no class", r.Path)
		}
		m.Seqs = c.strip(classed(m), m.Stamp)
	}
	return Encode(m)
}

// classed is the entry that the class is about, see ClassOf.
func classed(m *indexpb.Record) *indexpb.Entry {
	if m.Ours == nil {
		return m.Theirs
	}
	return m.Ours
}

// RecordPos reads only Pos of what MarshalRecord wrote.
func RecordPos(b []byte) (Seq, error) {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 || num > 5 {
			break // fields are in order, and a zero is left out
		}
		b = b[n:]
		if num == 5 {
			pos, n := protowire.ConsumeVarint(b)
			if n < 0 || typ != protowire.VarintType {
				return 0, errCanonical
			}
			return Seq(pos), nil
		}
		if n = protowire.ConsumeFieldValue(num, typ, b); n < 0 {
			return 0, errCanonical
		}
		b = b[n:]
	}
	return 0, nil
}

// UnmarshalRecord decodes what MarshalRecord wrote for path p. classes gives a
// class by its number.
func UnmarshalRecord(p Path, b []byte, classes func(uint32) (Class, bool)) (*Record, error) {
	r, class, err := unmarshalRecord(p, b, classes)
	if err != nil {
		return nil, fmt.Errorf("read record %q: %w", p, err)
	}
	want, err := MarshalRecord(r, class)
	if err := Canonical(b, want, err); err != nil {
		return nil, fmt.Errorf("read record %q: %w", p, err)
	}
	return r, nil
}

func unmarshalRecord(p Path, b []byte, classes func(uint32) (Class, bool)) (*Record, uint32, error) {
	var m indexpb.Record
	if err := Decode(b, &m); err != nil {
		return nil, 0, err
	}
	if m.Class != 0 {
		c, ok := classes(m.Class)
		if !ok {
			return nil, 0, fmt.Errorf("class %d is unknown", m.Class)
		}
		if err := c.fill(classed(&m), m.Stamp, m.Seqs); err != nil {
			return nil, 0, err
		}
	}
	if m.Next > uint32(Left) || m.HeardHow > uint32(ByRule) {
		return nil, 0, fmt.Errorf("next %d, heard how %d are unknown", m.Next, m.HeardHow)
	}
	r := &Record{Path: p, Pos: Seq(m.Pos), Heard: Seq(m.Heard), Next: Next(m.Next),
		Noticed: Sighting{How(m.HeardHow), m.HeardTime, Path(m.HeardOther)}}
	var err error
	if r.Ours, err = entryFromProto(m.Ours); err != nil {
		return nil, 0, err
	}
	if r.Theirs, err = entryFromProto(m.Theirs); err != nil {
		return nil, 0, err
	}
	if r.Base, err = entryFromProto(m.Base); err != nil {
		return nil, 0, err
	}
	if m.Same&theirsIsOurs != 0 {
		r.Theirs = r.Ours
	}
	if m.Same&baseIsOurs != 0 {
		r.Base = r.Ours
	}
	if m.Same&baseIsTheirs != 0 {
		r.Base = r.Theirs
	}
	r.Stamp, err = stampFromProto(m.Stamp, r.Ours)
	return r, m.Class, err
}
