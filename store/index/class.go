package index

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"duet/store/index/indexpb"
)

// ClassEpochs is how many epochs a Class can name.
const ClassEpochs = 4

// Class is what the records of many paths have in common. An index writes each
// class once, and its number in the records: that is a quarter of their size.
type Class struct {
	Mode         uint32
	Owner, Group string
	Origin       NodeID
	UID, GID     uint32
	Epochs       [ClassEpochs]Epoch // of the version; zeros at the end
}

// ClassOf returns the class of r, and whether it has one. A record without a
// class is written in full. It is that of Ours or, where nothing is here yet, of
// Theirs: so a record hardly changes its size when what it says is installed,
// and the pages that were filled with it stay full.
func ClassOf(r *Record) (Class, bool) {
	e := r.Ours
	if e == nil {
		e = r.Theirs
	}
	if e == nil || len(e.Version) > ClassEpochs {
		return Class{}, false
	}
	c := Class{Mode: e.Mode, Owner: e.Owner, Group: e.Group, Origin: e.Origin, UID: r.Stamp.UID, GID: r.Stamp.GID}
	for i, counter := range e.Version {
		if counter.Epoch == 0 {
			return Class{}, false
		}
		c.Epochs[i] = counter.Epoch
	}
	return c, true
}

// MarshalClass encodes c.
func MarshalClass(c Class) ([]byte, error) {
	m := &indexpb.Class{
		Mode: c.Mode, Owner: []byte(c.Owner), Group: []byte(c.Group),
		Origin: uint64(c.Origin), Uid: c.UID, Gid: c.GID,
	}
	for _, e := range c.Epochs {
		if e != 0 {
			m.Epochs = append(m.Epochs, uint64(e))
		}
	}
	return Encode(m)
}

// UnmarshalClass decodes what MarshalClass wrote.
func UnmarshalClass(b []byte) (Class, error) {
	var m indexpb.Class
	if err := Decode(b, &m); err != nil {
		return Class{}, fmt.Errorf("read class: %w", err)
	}
	if len(m.Epochs) > ClassEpochs {
		return Class{}, fmt.Errorf("read class: %d epochs: the limit is %d", len(m.Epochs), ClassEpochs)
	}
	c := Class{
		Mode: m.Mode, Owner: string(m.Owner), Group: string(m.Group),
		Origin: NodeID(m.Origin), UID: m.Uid, GID: m.Gid,
	}
	for i, e := range m.Epochs {
		c.Epochs[i] = Epoch(e)
	}
	want, err := MarshalClass(c)
	if err := Canonical(b, want, err); err != nil {
		return Class{}, fmt.Errorf("read class: %w", err)
	}
	return c, nil
}

// strip is e without what its class says.
func strip(e Entry) Entry {
	e.Mode, e.Owner, e.Group, e.Origin, e.Version = 0, "", "", 0, nil
	return e
}

// fill is the inverse of strip; seqs are the version's counters, as written.
func (c Class) fill(e *Entry, seqs []byte) error {
	if e == nil {
		return errors.New("class without an entry")
	}
	n := 0
	for n < ClassEpochs && c.Epochs[n] != 0 {
		n++
	}
	v := make(Version, n)
	for i := range v {
		seq, size := protowire.ConsumeVarint(seqs)
		if size < 0 {
			return fmt.Errorf("%d counters for %d epochs", i, n)
		}
		v[i], seqs = Counter{c.Epochs[i], Seq(seq)}, seqs[size:]
	}
	if len(seqs) > 0 {
		return fmt.Errorf("more counters than %d epochs", n)
	}
	e.Mode, e.Owner, e.Group, e.Origin, e.Version = c.Mode, c.Owner, c.Group, c.Origin, v
	return nil
}
