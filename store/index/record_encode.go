package index

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
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
	return appendRecord(make([]byte, 0, 192), r, class)
}

func appendRecord(b []byte, r *Record, class uint32) ([]byte, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	var seqs Version
	var bare Entry
	ours, theirs := r.Ours, r.Theirs
	var same uint64
	if theirs != nil && EqualEntries(theirs, ours) {
		same |= theirsIsOurs
		theirs = nil
	}
	base := r.Base
	switch {
	case base == nil:
	case EqualEntries(base, r.Ours):
		same |= baseIsOurs
		base = nil
	case EqualEntries(base, r.Theirs):
		same |= baseIsTheirs
		base = nil
	}
	if class != 0 {
		if _, ok := ClassOf(r); !ok {
			return nil, fmt.Errorf("record %q: has no class", r.Path)
		}
		if ours != nil { // the entry that the class is about, see ClassOf
			seqs, bare = ours.Version, strip(*ours)
			ours = &bare
		} else {
			seqs, bare = theirs.Version, strip(*theirs)
			theirs = &bare
		}
	}
	b = putEntry(b, 1, ours)
	b = putEntry(b, 2, base)
	b = putEntry(b, 3, theirs)
	var at int
	if r.Ours.Live() && r.Stamp != (Stamp{}) {
		b, at = openMessage(b, 4)
		b = closeMessage(appendStamp(b, r.Stamp, r.Ours, class != 0), at)
	}
	b = putVarint(b, 5, uint64(r.Pos))
	b = putVarint(b, 6, uint64(r.Heard))
	b = putVarint(b, 7, uint64(r.Next))
	b = putVarint(b, 8, same)
	b = putVarint(b, 9, uint64(class))
	if len(seqs) > 0 {
		b, at = openMessage(b, 10)
		for _, c := range seqs {
			b = protowire.AppendVarint(b, uint64(c.Seq))
		}
		b = closeMessage(b, at)
	}
	b = putVarint(b, 11, uint64(r.Noticed.How))
	b = putFixed(b, 12, uint64(r.Noticed.Time))
	return putBytes(b, 13, r.Noticed.Other), nil
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
	r, class, err := readRecord(p, b, classes)
	if err != nil {
		return nil, fmt.Errorf("read record %q: %w", p, err)
	}
	var room [512]byte
	want, err := appendRecord(room[:0], r, class)
	if err := Canonical(b, want, err); err != nil {
		return nil, fmt.Errorf("read record %q: %w", p, err)
	}
	return r, nil
}

func readRecord(p Path, b []byte, classes func(uint32) (Class, bool)) (*Record, uint32, error) {
	r := &Record{Path: p}
	w, err := readWritten(r, b)
	if err != nil {
		return nil, 0, err
	}
	var c Class
	if w.class != 0 {
		var ok bool
		if c, ok = classes(w.class); !ok {
			return nil, 0, fmt.Errorf("class %d is unknown", w.class)
		}
		classed := r.Ours
		if classed == nil {
			classed = r.Theirs
		}
		if err := c.fill(classed, w.seqs); err != nil {
			return nil, 0, err
		}
	}
	if w.stamped {
		if r.Stamp, err = readStamp(w.stamp, r.Ours); err != nil {
			return nil, 0, err
		}
		if w.class != 0 {
			r.Stamp.UID, r.Stamp.GID = c.UID, c.GID
		}
	}
	if w.same&theirsIsOurs != 0 {
		r.Theirs = r.Ours
	}
	if w.same&baseIsOurs != 0 {
		r.Base = r.Ours
	}
	if w.same&baseIsTheirs != 0 {
		r.Base = r.Theirs
	}
	return r, w.class, nil
}

// written is what a record has on disk and cannot be understood before all of
// it is read.
type written struct {
	same        uint64
	class       uint32
	seqs, stamp []byte
	stamped     bool
}

// readWritten reads the fields of r.
func readWritten(r *Record, b []byte) (w written, err error) {
	f := fields{rest: b}
	for f.next() {
		switch f.num {
		case 1:
			r.Ours, err = readEntry(f.b)
		case 2:
			r.Base, err = readEntry(f.b)
		case 3:
			r.Theirs, err = readEntry(f.b)
		case 4:
			w.stamp, w.stamped = f.b, true
		case 5:
			r.Pos = Seq(f.v)
		case 6:
			r.Heard = Seq(f.v)
		case 7:
			r.Next, err = Next(f.v), known("next", f.v, uint64(Left))
		case 8:
			w.same = f.v
		case 9:
			w.class = f.narrow()
		case 10:
			w.seqs = f.b
		case 11:
			r.Noticed.How, err = How(f.v), known("heard how", f.v, uint64(ByRule))
		case 12:
			r.Noticed.Time = int64(f.v)
		case 13:
			r.Noticed.Other = Path(f.b)
		default:
			err = errCanonical
		}
		if err != nil {
			return w, err
		}
	}
	return w, f.err()
}
