package index

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"duet/store/index/indexpb"
)

func pick[T any](rnd *rand.Rand, from ...T) T { return from[rnd.IntN(len(from))] }

func randomEntry(rnd *rand.Rand) *Entry {
	e := &Entry{
		Kind:    pick(rnd, File, File, Dir, Symlink, Gone),
		Origin:  NodeID(rnd.Uint64N(2)),
		Version: Version{{Epoch(rnd.Uint64()), Seq(rnd.Uint64N(1000) + 1)}},
	}
	for range rnd.IntN(7) {
		e.Version = e.Version.With(Epoch(rnd.Uint64N(1000)), Seq(rnd.Uint64N(1000)+1))
	}
	if rnd.IntN(4) == 0 {
		e.Over = Version{{7, 7}}
	}
	if rnd.IntN(3) == 0 {
		e.Settled = &Settlement{}
		if n := rnd.IntN(len(e.Version) + 1); n > 0 {
			e.Settled.Upto = e.Version[:n]
		}
	}
	if e.Kind == Gone {
		e.Apart = rnd.IntN(2) == 0
		return e
	}
	e.Rescued = len(e.Over) > 0 && rnd.IntN(2) == 0
	e.Owner, e.Group = pick(rnd, "", "webmgr", "1001"), pick(rnd, "", "webmgr", "\xff")
	if e.Kind != Symlink {
		e.Mode = pick[uint32](rnd, 0, 0o644, 0o7777)
	}
	if e.Kind != Dir {
		e.ModTime = pick(rnd, 0, -1, rnd.Int64())
	}
	switch e.Kind {
	case File:
		e.Hash = Hash{byte(rnd.Uint32N(3)), 1}
		e.Size = pick(rnd, 0, 1, rnd.Int64())
	case Symlink:
		e.Target = pick(rnd, "x", "../a\nb", strings.Repeat("t", MaxTarget))
	}
	return e
}

// TestRandomEntriesHaveAllFields: what they leave out is not tested by those that
// use them.
func TestRandomEntriesHaveAllFields(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 5))
	typ := reflect.TypeFor[Entry]()
	used := make([]bool, typ.NumField())
	for range 200 {
		e := reflect.ValueOf(*randomEntry(rnd))
		for i := range used {
			used[i] = used[i] || !e.Field(i).IsZero()
		}
	}
	for i, u := range used {
		if !u {
			t.Errorf("no random entry has %s", typ.Field(i).Name)
		}
	}
}

func randomStamp(rnd *rand.Rand, e *Entry) Stamp {
	s := Stamp{Ino: rnd.Uint64N(3), Size: e.Size, ModTime: e.ModTime, Ctime: e.ModTime, Mode: entryMode(e), UID: rnd.Uint32N(2)}
	for _, change := range []func(){
		func() { s.Size = rnd.Int64() }, func() { s.ModTime = rnd.Int64() }, func() { s.Ctime = -rnd.Int64() },
		func() { s.Mode = rnd.Uint32() }, func() { s.GID = rnd.Uint32() }, func() { s = Stamp{} },
	} {
		if rnd.IntN(4) == 0 {
			change()
		}
	}
	return s
}

func randomRecord(rnd *rand.Rand) *Record {
	r := &Record{Path: randomPath(rnd), Next: Next(rnd.IntN(4))}
	old := randomEntry(rnd)
	if rnd.IntN(5) != 0 {
		r.Ours, r.Pos = randomEntry(rnd), Seq(rnd.Uint64N(1000)+1)
		r.Base = pick(rnd, nil, r.Ours, old, randomEntry(rnd))
		if r.Ours.Live() {
			r.Stamp = randomStamp(rnd, r.Ours)
		}
	}
	if r.Ours == nil || rnd.IntN(3) != 0 {
		r.Theirs, r.Heard = pick(rnd, old, randomEntry(rnd)), Seq(rnd.Uint64N(1000)+1)
		if r.Ours != nil && rnd.IntN(2) == 0 {
			copied := *r.Ours
			r.Theirs = &copied
		}
		if r.Noticed = randomSighting(rnd); r.Noticed.How != 0 && rnd.IntN(2) == 0 {
			r.Noticed.Other = randomPath(rnd)
		}
	}
	return r
}

func randomSighting(rnd *rand.Rand) Sighting {
	if rnd.IntN(3) == 0 {
		return Sighting{}
	}
	return Sighting{How(rnd.IntN(int(ByRule)) + 1), pick(rnd, 0, rnd.Int64()), ""}
}

func TestRecordRoundTrip(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	written := 0
	for range 3_000 {
		r := randomRecord(rnd)
		c, ok := ClassOf(r)
		for class := uint32(0); class < 2; class++ {
			if class == 1 && !ok {
				continue
			}
			raw, err := MarshalRecord(r, class)
			if err != nil {
				t.Fatal(err)
			}
			got, err := UnmarshalRecord(r.Path, raw, func(n uint32) (Class, bool) { return c, n == 1 })
			if err != nil || !reflect.DeepEqual(got, r) {
				t.Fatalf("wrote %+v, read %+v, %v", r, got, err)
			}
			if pos, err := RecordPos(raw); err != nil || pos != r.Pos {
				t.Fatalf("the position alone is read as %d, %v, want %d", pos, err, r.Pos)
			}
			written++
			if class == 1 {
				if _, err := UnmarshalRecord(r.Path, raw, func(uint32) (Class, bool) { return Class{}, false }); err == nil {
					t.Fatal("read with a class that is not there")
				}
			}
		}
		if ok {
			raw, err := MarshalClass(c)
			if err != nil {
				t.Fatal(err)
			}
			if back, err := UnmarshalClass(raw); err != nil || back != c {
				t.Fatalf("class %+v came back as %+v, %v", c, back, err)
			}
		}
	}
	if written < 4_000 {
		t.Errorf("only %d encodings were tried", written)
	}
}

// TestSyncedRecordIsOneEntry holds that base and theirs cost nothing when they
// are ours, and come back as the same entry.
func TestSyncedRecordIsOneEntry(t *testing.T) {
	r := sampleRecord()
	copied := *r.Ours
	r.Theirs = &copied
	c, _ := ClassOf(r)
	raw, err := MarshalRecord(r, 1)
	if err != nil {
		t.Fatal(err)
	}
	got, err := UnmarshalRecord(r.Path, raw, func(uint32) (Class, bool) { return c, true })
	if err != nil {
		t.Fatal(err)
	}
	if got.Theirs != got.Ours || got.Base != got.Ours {
		t.Error("base, theirs and ours are different entries")
	}
	if len(raw) > 90 {
		t.Errorf("%d bytes", len(raw))
	}
}

func randomEvent(rnd *rand.Rand) *Event {
	e := &Event{
		Path: randomPath(rnd), What: What(rnd.IntN(int(lastWhat)) + 1), How: How(rnd.IntN(int(ByRule)) + 1),
		Node: NodeID(rnd.Uint64N(2)), Time: rnd.Int64(), Note: pick(rnd, "", "line 7", "\xff"),
		Rule: pick(rnd, "", "new-there", "a rule to come"), Seen: randomSighting(rnd),
	}
	if rnd.IntN(4) == 0 {
		e.From = randomPath(rnd)
	}
	if rnd.IntN(4) == 0 {
		e.To = randomPath(rnd)
	}
	if rnd.IntN(4) != 0 {
		e.Entry = randomEntry(rnd)
	}
	return e
}

func TestEventRoundTrip(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 3_000 {
		e, prev := randomEvent(rnd), pick(rnd, Root, randomPath(rnd))
		whole, err := MarshalEvent(e, prev, false)
		if err != nil {
			t.Fatal(err)
		}
		s, err := UnmarshalEvent(0, whole, prev)
		if err != nil || s.InRecord || !reflect.DeepEqual(s.Event, *e) {
			t.Fatalf("wrote %+v, read %+v, %v", e, s.Event, err)
		}
		if p, err := EventPath(whole, prev); err != nil || p != e.Path {
			t.Fatalf("path %q read as %q, %v", e.Path, p, err)
		}
		if e.Entry == nil {
			continue
		}
		short, err := MarshalEvent(e, prev, true)
		if err != nil {
			t.Fatal(err)
		}
		if s, err = UnmarshalEvent(0, short, prev); err != nil || !s.InRecord || s.Path != e.Path {
			t.Fatalf("wrote %+v, read %+v, %v", e, s.Event, err)
		}
		filled, err := s.Fill(e.Entry)
		if err != nil || !reflect.DeepEqual(filled, *e) {
			t.Fatalf("wrote %+v, filled %+v, %v", e, filled, err)
		}
		detached, err := Detach(short, e.Entry)
		if err != nil || string(detached) != string(whole) {
			t.Fatalf("detached %x, want %x, %v", detached, whole, err)
		}
	}
}

func TestNotesRoundTrip(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for id := uint64(1); id < 1000; id++ {
		i := Intent{ID: id, Verb: Verb(rnd.IntN(5) + 1), Path: randomPath(rnd), Held: pick(rnd, "", "7f3a-2"),
			Ino: rnd.Uint64N(2), Entry: pick(rnd, nil, randomEntry(rnd)), Reason: Reason(rnd.IntN(int(lastReason) + 1)),
			Rule: pick(rnd, "", "take-newer")}
		if i.Verb == Move {
			i.From = randomPath(rnd)
		}
		i.Expect = pick(rnd, Stamp{}, Stamp{Ino: 7, Size: 3, ModTime: 9, Ctime: 9, Mode: 0o100600, UID: 1, GID: 2})
		raw, err := MarshalIntent(&i)
		if err != nil {
			t.Fatal(err)
		}
		want, err := Encode(&indexpb.Intent{
			Verb: uint32(i.Verb), Path: []byte(i.Path), From: []byte(i.From), Held: []byte(i.Held),
			Ino: i.Ino, Expect: stampToProto(i.Expect, nil), Entry: EntryToProto(i.Entry), Reason: uint32(i.Reason),
			Rule: []byte(i.Rule),
		})
		if err != nil || !bytes.Equal(raw, want) {
			t.Fatalf("%+v:\n%x, protobuf writes\n%x, %v", i, raw, want, err)
		}
		if got, err := UnmarshalIntent(id, raw); err != nil || !reflect.DeepEqual(got, i) {
			t.Fatalf("wrote %+v, read %+v, %v", i, got, err)
		}
		k := Kept{ID: id, Path: randomPath(rnd), Entry: pick(rnd, nil, randomEntry(rnd)),
			Reason: Reason(rnd.IntN(int(lastReason)) + 1), By: NodeID(rnd.Uint64N(2)), Time: rnd.Int64(), Held: pick(rnd, "", "1-a.txt")}
		if raw, err = MarshalKept(&k); err != nil {
			t.Fatal(err)
		}
		if got, err := UnmarshalKept(id, raw); err != nil || !reflect.DeepEqual(got, k) {
			t.Fatalf("wrote %+v, read %+v, %v", k, got, err)
		}
		c := Conflict{ID: id, Path: randomPath(rnd), Time: rnd.Int64(), Winner: pick(rnd, nil, randomEntry(rnd)),
			Loser: pick(rnd, nil, randomEntry(rnd)), Rule: pick(rnd, "", "C7"), Kept: rnd.Uint64N(3)}
		if raw, err = MarshalConflict(&c); err != nil {
			t.Fatal(err)
		}
		if got, err := UnmarshalConflict(id, raw); err != nil || !reflect.DeepEqual(got, c) {
			t.Fatalf("wrote %+v, read %+v, %v", c, got, err)
		}
	}
}

func TestEntryLimits(t *testing.T) {
	good := func() *indexpb.Entry { return EntryToProto(sampleFile(1)) }
	if e, err := EntryFromProto(good()); err != nil || !EqualEntries(e, sampleFile(1)) {
		t.Fatalf("a good entry came back as %+v, %v", e, err)
	}
	if _, err := EntryFromProto(nil); err == nil {
		t.Error("nil was taken")
	}
	counters := func(n int) (out []*indexpb.Counter) {
		for i := range n {
			out = append(out, &indexpb.Counter{Epoch: uint64(i), Seq: 1})
		}
		return out
	}
	for name, spoil := range map[string]func(*indexpb.Entry){
		"no kind":                 func(m *indexpb.Entry) { m.Kind = 0 },
		"unknown kind":            func(m *indexpb.Entry) { m.Kind = 5 },
		"kind that wraps":         func(m *indexpb.Entry) { m.Kind = 257 },
		"negative kind":           func(m *indexpb.Entry) { m.Kind = -1 },
		"short hash":              func(m *indexpb.Entry) { m.Hash = m.Hash[:31] },
		"long hash":               func(m *indexpb.Entry) { m.Hash = append(m.Hash, 0) },
		"no hash":                 func(m *indexpb.Entry) { m.Hash = nil },
		"zero hash":               func(m *indexpb.Entry) { m.Hash = make([]byte, 32) },
		"huge size":               func(m *indexpb.Entry) { m.Size = 1 << 63 },
		"huge mode":               func(m *indexpb.Entry) { m.Mode = MaxMode + 1 },
		"long owner":              func(m *indexpb.Entry) { m.Owner = make([]byte, MaxOwner+1) },
		"NUL in group":            func(m *indexpb.Entry) { m.Group = []byte("a\x00") },
		"target of a file":        func(m *indexpb.Entry) { m.Target = []byte("x") },
		"rescued from nothing":    func(m *indexpb.Entry) { m.Rescued = true },
		"file deleted apart":      func(m *indexpb.Entry) { m.Apart = true },
		"no version":              func(m *indexpb.Entry) { m.Version = nil },
		"long version":            func(m *indexpb.Entry) { m.Version = counters(MaxCounters + 1) },
		"version out of order":    func(m *indexpb.Entry) { m.Version = append(m.Version, m.Version[0]) },
		"zero counter":            func(m *indexpb.Entry) { m.Version = []*indexpb.Counter{{Epoch: 1}} },
		"nil counter":             func(m *indexpb.Entry) { m.Version = []*indexpb.Counter{nil} },
		"long beaten version":     func(m *indexpb.Entry) { m.Over = counters(MaxCounters + 1) },
		"settled, a long version": func(m *indexpb.Entry) { m.Settled = &indexpb.Settlement{Upto: counters(MaxCounters + 1)} },
		"settled beyond what was seen": func(m *indexpb.Entry) {
			m.Settled = &indexpb.Settlement{Upto: []*indexpb.Counter{{Epoch: m.Version[0].Epoch, Seq: m.Version[0].Seq + 1}}}
		},
		"settled in an epoch not seen": func(m *indexpb.Entry) {
			m.Settled = &indexpb.Settlement{Upto: []*indexpb.Counter{{Epoch: 1, Seq: 1}}}
		},
		"directory with a hash":   func(m *indexpb.Entry) { m.Kind, m.Size, m.ModTime = indexpb.Kind(Dir), 0, 0 },
		"symlink without target":  func(m *indexpb.Entry) { m.Kind, m.Hash, m.Size, m.Mode = indexpb.Kind(Symlink), nil, 0, 0 },
		"symlink with a mode":     func(m *indexpb.Entry) { m.Kind, m.Hash, m.Size, m.Target = indexpb.Kind(Symlink), nil, 0, []byte("x") },
		"symlink with NUL target": func(m *indexpb.Entry) { *m = indexpb.Entry{Kind: 3, Target: []byte("a\x00"), Version: m.Version} },
		"symlink, long target": func(m *indexpb.Entry) {
			*m = indexpb.Entry{Kind: 3, Target: make([]byte, MaxTarget+1), Version: m.Version}
		},
		"tombstone with an owner": func(m *indexpb.Entry) { *m = indexpb.Entry{Kind: 4, Owner: m.Owner, Version: m.Version} },
	} {
		m := good()
		spoil(m)
		if e, err := EntryFromProto(m); err == nil {
			t.Errorf("%s: was taken as %+v", name, e)
		}
	}
}

func TestRecordLimits(t *testing.T) {
	for name, spoil := range map[string]func(*Record){
		"no path":               func(r *Record) { r.Path = "" },
		"bad path":              func(r *Record) { r.Path = "a/../b" },
		"nothing":               func(r *Record) { *r = Record{Path: r.Path, Base: r.Base} },
		"ours without position": func(r *Record) { r.Pos = 0 },
		"position without ours": func(r *Record) { r.Ours, r.Stamp = nil, Stamp{} },
		"theirs not heard":      func(r *Record) { r.Heard = 0 },
		"heard without theirs":  func(r *Record) { r.Theirs = nil },
		"unknown next":          func(r *Record) { r.Next = 99 },
		"stamp of nothing":      func(r *Record) { r.Ours = &Entry{Kind: Gone, Version: r.Ours.Version} },
		"bad entry":             func(r *Record) { e := *r.Ours; e.Mode = 0o10000; r.Theirs = &e },
		"no version":            func(r *Record) { e := *r.Ours; e.Version = nil; r.Base = &e },
	} {
		r := sampleRecord()
		spoil(r)
		if raw, err := MarshalRecord(r, 0); err == nil {
			t.Errorf("%s: was written as %x", name, raw)
		}
	}
}

func sampleFile(seq Seq) *Entry {
	return &Entry{
		Kind: File, Hash: Hash{1, 2, 3}, Size: 123456, ModTime: 1763821234567890123, Mode: 0o644,
		Owner: "webmgr", Group: "webmgr", Origin: 0x1122334455667788,
		Version: Version{{0x6721f0a1_01020304, seq}},
	}
}

func sampleRecord() *Record {
	e := sampleFile(77)
	return &Record{
		Path: "home/webmgr/contents/images/picture.png", Ours: e, Base: e, Theirs: e, Pos: 77, Heard: 80,
		Stamp: Stamp{Ino: 4711, Size: e.Size, ModTime: e.ModTime, Ctime: 1763821239999999999, Mode: 0o100644, UID: 1001, GID: 1001},
	}
}

func BenchmarkRecord(b *testing.B) {
	r := sampleRecord()
	c, _ := ClassOf(r)
	classes := func(uint32) (Class, bool) { return c, true }
	for class, name := range []string{"full", "class"} {
		raw, err := MarshalRecord(r, uint32(class))
		if err != nil {
			b.Fatal(err)
		}
		b.Run("marshal/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				MarshalRecord(r, uint32(class))
			}
			b.ReportMetric(float64(len(raw)), "bytes")
		})
		b.Run("unmarshal/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				UnmarshalRecord(r.Path, raw, classes)
			}
		})
	}
}
