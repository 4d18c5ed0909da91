package index

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"duet/store/index/indexpb"
)

// reread reports whether b decodes, and how it is encoded then. Decoders must
// not crash, and must accept only what the encoder writes.
type reread func(b []byte) (again []byte, ok bool)

func rereadRecord(b []byte) ([]byte, bool) {
	c, _ := ClassOf(sampleRecord())
	r, err := UnmarshalRecord("a/b", b, func(n uint32) (Class, bool) { return c, n == 1 })
	if err != nil {
		return nil, false
	}
	full, err1 := MarshalRecord(r, 0)
	short, err2 := MarshalRecord(r, 1)
	if err1 == nil && bytes.Equal(full, b) {
		return full, true
	}
	return short, err2 == nil
}

func rereadEvent(b []byte) ([]byte, bool) {
	p, pathErr := EventPath(b, "a/b")
	s, err := UnmarshalEvent(9, b, "a/b")
	if err != nil {
		return nil, false
	}
	if pathErr != nil || p != s.Path {
		return nil, !s.InRecord // which the caller finds to be different
	}
	e := s.Event
	if s.InRecord {
		if e, err = s.Fill(sampleFile(7)); err != nil {
			return nil, false
		}
	}
	again, err := MarshalEvent(&e, "a/b", s.InRecord)
	return again, err == nil
}

func rereadIntent(b []byte) ([]byte, bool) {
	i, err := UnmarshalIntent(9, b)
	if err != nil {
		return nil, false
	}
	again, err := MarshalIntent(&i)
	return again, err == nil
}

func rereadKept(b []byte) ([]byte, bool) {
	k, err := UnmarshalKept(9, b)
	if err != nil {
		return nil, false
	}
	again, err := MarshalKept(&k)
	return again, err == nil
}

func rereadConflict(b []byte) ([]byte, bool) {
	c, err := UnmarshalConflict(9, b)
	if err != nil {
		return nil, false
	}
	again, err := MarshalConflict(&c)
	return again, err == nil
}

func rereadClass(b []byte) ([]byte, bool) {
	c, err := UnmarshalClass(b)
	if err != nil {
		return nil, false
	}
	again, err := MarshalClass(c)
	return again, err == nil
}

func rereadRuling(b []byte) ([]byte, bool) {
	r, err := UnmarshalRuling(9, b)
	if err != nil {
		return nil, false
	}
	again, err := MarshalRuling(&r)
	return again, err == nil
}

func rereadRuled(b []byte) ([]byte, bool) {
	r, err := UnmarshalRuled(9, "a", b)
	if err != nil {
		return nil, false
	}
	again, err := MarshalRuled(&r)
	return again, err == nil
}

// samples returns one good encoding for each kind of value, and its reader.
func samples(tb testing.TB) map[string]struct {
	raw  []byte
	read reread
} {
	must := func(b []byte, err error) []byte {
		if err != nil {
			tb.Fatal(err)
		}
		return b
	}
	r := sampleRecord()
	r.Path = "a/b"
	c, _ := ClassOf(r)
	e := sampleFile(7)
	event := &Event{Path: "a/bc", What: Created, How: ByScan, Node: e.Origin, Time: 5, Entry: e, Note: "n"}
	type sample = struct {
		raw  []byte
		read reread
	}
	return map[string]sample{
		"record":   {must(MarshalRecord(r, 1)), rereadRecord},
		"whole":    {must(MarshalRecord(r, 0)), rereadRecord},
		"event":    {must(MarshalEvent(event, "a/b", true)), rereadEvent},
		"detached": {must(MarshalEvent(event, "a/b", false)), rereadEvent},
		"intent":   {must(MarshalIntent(&Intent{Verb: Swap, Path: "a", Held: "h", Ino: 3, Expect: r.Stamp, Entry: e, Reason: Removed})), rereadIntent},
		"kept":     {must(MarshalKept(&Kept{Path: "a", Entry: e, Reason: Removed, By: 3, Time: 4, Held: "h"})), rereadKept},
		"conflict": {must(MarshalConflict(&Conflict{Path: "a", Time: 3, Winner: e, Loser: e, Rule: "C1", Kept: 3})), rereadConflict},
		"class":    {must(MarshalClass(c)), rereadClass},
		"ruling":   {must(MarshalRuling(&Ruling{Time: 3, What: "choose newest", Paths: 2})), rereadRuling},
		"ruled":    {must(MarshalRuled(&Ruled{Path: "a", Before: e, Theirs: e, After: e.Version})), rereadRuled},
	}
}

// TestStrict feeds each decoder what a lenient protobuf reader takes for the
// same value, and every one-byte change of a good encoding.
func TestStrict(t *testing.T) {
	for name, s := range samples(t) {
		if again, ok := s.read(s.raw); !ok || !bytes.Equal(again, s.raw) {
			t.Errorf("%s: %x came back as %x, %v", name, s.raw, again, ok)
		}
		_, _, n := protowire.ConsumeField(s.raw)
		first := s.raw[:n]
		for change, b := range map[string][]byte{
			"unknown field":   append(bytes.Clone(s.raw), protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 1)...),
			"repeated field":  append(bytes.Clone(first), s.raw...),
			"field moved":     append(bytes.Clone(s.raw[n:]), first...),
			"long tag":        append([]byte{s.raw[0] | 0x80, 0}, s.raw[1:]...),
			"cut short":       s.raw[:len(s.raw)-1],
			"default written": append(bytes.Clone(s.raw), protowire.AppendVarint(protowire.AppendTag(nil, 11, protowire.VarintType), 0)...),
		} {
			if again, ok := s.read(b); ok && !bytes.Equal(again, b) {
				t.Errorf("%s, %s: was taken, and is written differently", name, change)
			} else if ok {
				t.Errorf("%s, %s: was taken", name, change)
			}
		}
		for i := range s.raw {
			for bit := range 8 {
				b := bytes.Clone(s.raw)
				b[i] ^= 1 << bit
				if again, ok := s.read(b); ok && !bytes.Equal(again, b) {
					t.Fatalf("%s: %x was taken, and is written %x", name, b, again)
				}
			}
		}
	}
}

// fuzzValue fuzzes one kind of value, from its samples of these names.
func fuzzValue(f *testing.F, names ...string) {
	all := samples(f)
	for _, name := range names {
		f.Add(all[name].raw)
	}
	read := all[names[0]].read
	f.Fuzz(func(t *testing.T, b []byte) {
		if again, ok := read(b); ok && !bytes.Equal(again, b) {
			t.Errorf("%x was taken, and is written %x", b, again)
		}
	})
}

func FuzzRecord(f *testing.F)   { fuzzValue(f, "record", "whole") }
func FuzzEvent(f *testing.F)    { fuzzValue(f, "event", "detached") }
func FuzzIntent(f *testing.F)   { fuzzValue(f, "intent") }
func FuzzKept(f *testing.F)     { fuzzValue(f, "kept") }
func FuzzConflict(f *testing.F) { fuzzValue(f, "conflict") }
func FuzzClass(f *testing.F)    { fuzzValue(f, "class") }
func FuzzRuling(f *testing.F)   { fuzzValue(f, "ruling") }
func FuzzRuled(f *testing.F)    { fuzzValue(f, "ruled") }

// FuzzEntryFromProto holds that what is taken from the peer can be stored.
func FuzzEntryFromProto(f *testing.F) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		b, err := Encode(EntryToProto(randomEntry(rnd)))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m indexpb.Entry
		if proto.Unmarshal(b, &m) != nil {
			return
		}
		e, err := EntryFromProto(&m)
		if err != nil {
			return
		}
		if _, err := MarshalRecord(&Record{Path: "a", Theirs: e, Heard: 1}, 0); err != nil {
			t.Errorf("%+v was taken, and cannot be stored: %v", e, err)
		}
		if back, err := EntryFromProto(EntryToProto(e)); err != nil || !EqualEntries(back, e) {
			t.Errorf("%+v came back as %+v, %v", e, back, err)
		}
	})
}
