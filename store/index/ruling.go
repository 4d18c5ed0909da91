package index

import (
	"errors"
	"fmt"

	"duet/store/index/indexpb"
)

// Ruling is one order of a person by which conflicts were settled. It is
// remembered, so that it can be taken back.
type Ruling struct {
	ID    uint64
	Time  int64  // ns since 1970
	What  string // in words; at most MaxNote bytes
	Paths uint64 // how many Ruled it has
}

// Ruled is what a ruling did to one path.
type Ruled struct {
	Ruling uint64
	Path   Path
	Before *Entry  // ours; nil: there was none
	After  Version // that it gave the path
	Theirs *Entry  // of a held conflict: what the peer had; else nil
	Gone   bool    // it deleted the path
}

// MarshalRuling encodes r but for its ID, which is its key.
func MarshalRuling(r *Ruling) ([]byte, error) {
	if err := checkText("ruling", r.What, MaxNote); err != nil {
		return nil, err
	}
	return Encode(&indexpb.Ruling{Time: r.Time, What: []byte(r.What), Paths: r.Paths})
}

// UnmarshalRuling decodes what MarshalRuling wrote.
func UnmarshalRuling(id uint64, b []byte) (Ruling, error) {
	var m indexpb.Ruling
	if err := Decode(b, &m); err != nil {
		return Ruling{}, fmt.Errorf("read ruling %d: %w", id, err)
	}
	r := Ruling{ID: id, Time: m.Time, What: string(m.What), Paths: m.Paths}
	want, err := MarshalRuling(&r)
	if err := Canonical(b, want, err); err != nil {
		return Ruling{}, fmt.Errorf("read ruling %d: %w", id, err)
	}
	return r, nil
}

// Check states what holds for every Ruled by itself.
func (r *Ruled) Check() error {
	if err := checkPath("ruled", r.Path); err != nil {
		return err
	}
	if len(r.After) == 0 {
		return fmt.Errorf("ruled %q: no version", r.Path)
	}
	for _, e := range []*Entry{r.Before, r.Theirs} {
		if e == nil {
			continue
		}
		if err := errors.Join(e.check(), checkKnown(e)); err != nil {
			return fmt.Errorf("ruled %q: %w", r.Path, err)
		}
	}
	return r.After.check()
}

// MarshalRuled encodes r but for the ruling and the path, which are its key.
func MarshalRuled(r *Ruled) ([]byte, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	return Encode(&indexpb.Ruled{
		Before: EntryToProto(r.Before), After: versionToProto(r.After), Theirs: EntryToProto(r.Theirs), Gone: r.Gone,
	})
}

// UnmarshalRuled decodes what MarshalRuled wrote.
func UnmarshalRuled(ruling uint64, p Path, b []byte) (Ruled, error) {
	r, err := unmarshalRuled(ruling, p, b)
	if err != nil {
		return Ruled{}, fmt.Errorf("read what ruling %d did to %q: %w", ruling, p, err)
	}
	return r, nil
}

func unmarshalRuled(ruling uint64, p Path, b []byte) (Ruled, error) {
	var m indexpb.Ruled
	if err := Decode(b, &m); err != nil {
		return Ruled{}, err
	}
	before, err := entryFromProto(m.Before)
	if err != nil {
		return Ruled{}, err
	}
	after, err := versionFromProto(m.After)
	if err != nil {
		return Ruled{}, err
	}
	theirs, err := entryFromProto(m.Theirs)
	if err != nil {
		return Ruled{}, err
	}
	r := Ruled{Ruling: ruling, Path: p, Before: before, After: after, Theirs: theirs, Gone: m.Gone}
	want, err := MarshalRuled(&r)
	return r, Canonical(b, want, err)
}
