package index

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"

	"duet/store/index/indexpb"
)

// The bytes of records and events are those that protobuf writes for the same
// messages, so that the .proto file stays their documentation.
func TestCodecIsProtobuf(t *testing.T) {
	rnd := rand.New(rand.NewPCG(4, 4))
	for range 3000 {
		r := randomRecord(rnd)
		if r.Check() != nil {
			continue
		}
		classes := []uint32{0}
		if _, ok := ClassOf(r); ok {
			classes = append(classes, 300)
		}
		for _, class := range classes {
			got, err := MarshalRecord(r, class)
			if err != nil {
				t.Fatal(err)
			}
			want, err := protoRecord(r, class)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%+v, class %d:\n%x, protobuf writes\n%x, %v", r, class, got, want, err)
			}
		}
		e := randomEvent(rnd)
		if e.Check() != nil {
			continue
		}
		for _, inRecord := range []bool{false, e.Entry != nil} {
			got, err := MarshalEvent(e, "a/b", inRecord)
			if err != nil {
				t.Fatal(err)
			}
			want, err := protoEvent(e, "a/b", inRecord)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%+v:\n%x, protobuf writes\n%x, %v", e, got, want, err)
			}
		}
	}
}

func protoRecord(r *Record, class uint32) ([]byte, error) {
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
		m.Seqs = protoStrip(classed(m), m.Stamp)
	}
	return Encode(m)
}

func classed(m *indexpb.Record) *indexpb.Entry {
	if m.Ours == nil {
		return m.Theirs
	}
	return m.Ours
}

func protoStrip(m *indexpb.Entry, st *indexpb.Stamp) []uint64 {
	seqs := make([]uint64, len(m.Version))
	for i, counter := range m.Version {
		seqs[i] = counter.Seq
	}
	m.Mode, m.Owner, m.Group, m.Origin, m.Version = 0, nil, nil, 0, nil
	if st != nil {
		st.Uid, st.Gid = 0, 0
	}
	return seqs
}

func protoEvent(e *Event, prev Path, inRecord bool) ([]byte, error) {
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

// Every field of an entry survives, also one that is new: what the codec does
// not know would be lost without a word.
func TestEveryFieldIsWritten(t *testing.T) {
	e := &Entry{
		Kind: File, Hash: Hash{1}, Size: 2, ModTime: 3, Mode: 4, Owner: "o", Group: "g", Target: "t",
		Version: Version{{Epoch: 5, Seq: 6}}, Origin: 7, Over: Version{{Epoch: 5, Seq: 1}}, Apart: true, Rescued: true,
		Settled: &Settlement{Upto: Version{{Epoch: 5, Seq: 2}}},
	}
	v := reflect.ValueOf(*e)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("this test gives no value to %s", v.Type().Field(i).Name)
		}
	}
	got, err := readEntry(appendEntry(nil, e))
	if err != nil || !reflect.DeepEqual(got, e) {
		t.Errorf("got %+v, %v; want %+v", got, err, e)
	}
}

// A glance at an event tells what reading it would.
func TestGlanceEvent(t *testing.T) {
	rnd := rand.New(rand.NewPCG(8, 8))
	for range 2000 {
		e := randomEvent(rnd)
		for _, inRecord := range []bool{false, true} {
			raw, err := MarshalEvent(e, "a/b", inRecord)
			if err != nil {
				continue
			}
			g, ok := GlanceEvent(raw)
			if g.Origin {
				g.Node = e.Entry.Origin
			}
			if want := (Glance{e.What, e.How, e.Time, e.Node, g.Origin, e.To != Root, inRecord}); !ok || g != want {
				t.Fatalf("%+v: a glance tells %+v, %v; want %+v", e, g, ok, want)
			}
		}
	}
	if _, ok := GlanceEvent([]byte{0x18}); ok {
		t.Error("half a field can be told")
	}
}
