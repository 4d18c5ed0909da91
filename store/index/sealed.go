package index

import "strings"

// Sealed is a record as it lies in the index. Nearly always the only question is
// whether what is on disk is still what it describes: Has answers that in a tenth
// of the time that it takes to read all of it.
type Sealed struct {
	Path Path // as its key says; only Open makes sure that it is one

	raw  []byte
	from *Seals
	open *Record // it never was on disk
}

// Seals is what the records that were read at one time have in common.
type Seals struct {
	Classes func(uint32) (Class, bool)
	Damaged func(error) error // makes an error of reading one what the store's callers know
}

// Seal returns r as it would have been read.
func Seal(r *Record) Sealed { return Sealed{Path: r.Path, open: r} }

// Seal returns the record that has raw in the index. It keeps raw.
func (s *Seals) Seal(p Path, raw []byte) Sealed { return Sealed{Path: p, raw: raw, from: s} }

// Open reads the record, and checks all of it.
func (s *Sealed) Open() (*Record, error) {
	if s.open != nil {
		return s.open, nil
	}
	p, err := ParsePath(strings.Clone(string(s.Path))) // which is part of a larger string
	if err != nil {
		return nil, s.from.Damaged(err)
	}
	r, err := UnmarshalRecord(p, s.raw, s.from.Classes)
	if err != nil {
		return nil, s.from.Damaged(err)
	}
	return r, nil
}

// Has reports whether the record says that something of this kind is here, with
// this stamp. It reads no more than that takes, and passes over what it does not
// know: false may also mean that only Open can tell.
func (s *Sealed) Has(kind Kind, now Stamp) bool {
	if s.open != nil {
		ours := s.open.Ours
		return ours.Live() && ours.Kind == kind && s.open.Stamp == now && now != Stamp{}
	}
	e := Entry{Kind: kind}
	var stamp []byte
	var class uint64
	f := fields{rest: s.raw}
	for at := 0; f.next(); at++ {
		switch f.num {
		case 1:
			if !e.glance(f.b) {
				return false
			}
		case 4:
			stamp = f.b
		case 9:
			class = f.v
		}
		if at == 0 && f.num != 1 {
			return false // nothing is here
		}
	}
	if f.bad || stamp == nil || class > 1<<32-1 {
		return false
	}
	c := Class{UID: now.UID, GID: now.GID}
	if class != 0 {
		var ok bool
		if c, ok = s.from.Classes(uint32(class)); !ok {
			return false
		}
		e.Mode = c.Mode
	}
	is, err := readStamp(stamp, &e)
	if class != 0 {
		is.UID, is.GID = c.UID, c.GID
	}
	return err == nil && is == now && now != Stamp{}
}

// glance reads of an entry what a stamp may leave out, and reports whether it is
// of e's kind.
func (e *Entry) glance(b []byte) bool {
	kind := e.Kind
	e.Kind = 0
	f := fields{rest: b}
	for f.next() {
		switch f.num {
		case 1:
			e.Kind = Kind(f.v)
		case 3:
			e.Size = int64(f.v)
		case 4:
			e.ModTime = int64(f.v)
		case 5:
			e.Mode = f.narrow()
		}
	}
	return !f.bad && e.Kind == kind && f.num <= 14
}

// LiveKindIn is the LiveKind of what a record that has raw in the index says is here,
// reading no more than that takes; false if only UnmarshalRecord can tell.
func LiveKindIn(raw []byte) (Kind, bool) {
	f := fields{rest: raw}
	if !f.next() || f.bad {
		return 0, len(raw) == 0
	}
	if f.num != 1 {
		return 0, true // nothing is here
	}
	e := fields{rest: f.b}
	if !e.next() || e.bad || e.num != 1 || e.v == 0 || e.v > uint64(Gone) {
		return 0, false
	}
	if k := Kind(e.v); k != Gone {
		return k, true
	}
	return 0, true
}
