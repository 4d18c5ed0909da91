package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"duet/replicate/chunk"
	"duet/replicate/wire/wirepb"
	"duet/store/index"
)

var (
	hashA = index.Hash{0xaa, 31: 0x01}

	file = &index.Entry{
		Kind: index.File, Hash: hashA, Size: 5, ModTime: 1_700_000_000_123_456_789, Mode: 0o644,
		Owner: "webmgr", Group: "webmgr", Origin: 7, Version: index.Version{{Epoch: 3, Seq: 9}},
	}
	gone = &index.Entry{Kind: index.Gone, Origin: 8, Version: index.Version{{Epoch: 4, Seq: 2}}, Apart: true,
		Settled: &index.Settlement{Upto: index.Version{{Epoch: 4, Seq: 1}}}}
)

func hello() *Hello {
	return &Hello{
		Protocol: 1, Oldest: 1, Version: "1.2.3", Share: "images", NodeName: "tgt-a", Node: 0xa1,
		Epoch: 3, Head: 100, Run: 0xbeef, HeardEpoch: 4, Heard: 50, HeardRun: 0xcafe, Ahead: 60, AheadRun: 0xaffe,
		Conflict: "newer", Deletes: "track", SpecialBits: true, SyncOwners: true, Hold: true,
		Clock: 1_700_000_000_000_000_000, Records: 12, Ignore: []string{"*.tmp", "", "!keep\xff"},
		Before: index.EndedCrashed, Life: 0xf00d,
		Guard: &Guard{Window: 60e9, Bounds: []Bound{{"", "50%", 3}, {"a\xff", "7", 0}}, Leaves: []Leave{{"", 4, false}, {"a", 9, true}}},
	}
}

// samples has one message of each kind, with every field set in one of them.
var samples = []struct {
	name string
	msg  Msg
}{
	{"hello", hello()},
	{"first hello", &Hello{Protocol: 2, Oldest: 1, Share: "s", NodeName: "n", Epoch: 1}},
	{"changes", &Changes{
		Changes: []Change{
			{Pos: 3, Path: "a/b\xff", Entry: file, Content: []byte("hello")},
			{Pos: 4, Path: "gone\n", Entry: gone, Noticed: index.Sighting{How: index.ByScan, Time: -5, Other: "there"}},
			{Pos: 9, Agreed: 17},
		},
		Through: 12, Head: 13, Run: 5,
	}},
	{"changes ahead", &Changes{Changes: []Change{{Pos: 9, Agreed: 17}}, Through: 3, Head: 12, Ahead: true}},
	{"no changes", &Changes{Changes: []Change{}, Through: 12, Head: 12}},
	{"ack", &Ack{Heard: 77}},
	{"ack of a node that has deleted", &Ack{Heard: 77, Guard: &Guard{Bounds: []Bound{{"", "100", 12}}}}},
	{"ack with more to say", &Ack{Heard: 77, Whole: 99}},
	{"ack of a stuck node", &Ack{Heard: 77, Stuck: Stuck{ForApproval, "6 deletes"}}},
	{"control", &Control{Kind: Refuse, Text: "the shares' policies differ"}},
	{"fetch", &Fetch{Wants: []Want{{ID: 1, Path: "a", Hash: hashA, Size: 10, Offset: 4}, {ID: 2, Path: "b", Hash: hashA, Size: 10}}}},
	{"fetch parts", &Fetch{Wants: []Want{{ID: 1, Path: "a", Hash: hashA, Size: 10, Offset: 4, Length: 6}, {ID: 2, Path: "b", Hash: hashA, Size: 10, ChunkBits: 18}}}},
	{"hole", &Piece{ID: 3, Hole: MaxHole}},
	{"chunks", &Piece{ID: 3, Chunks: []chunk.Chunk{{Len: 5, Sum: 7}, {Len: 1<<32 - 1}}, Last: true}},
	{"piece", &Piece{ID: 3, Data: []byte("data"), Zstd: true, Last: true}},
	{"compare", &Compare{Under: "d", After: "d/a", Through: "d/z", Cuts: []index.Path{"d/b", "d/c\xff"}, Owners: true}},
	{"compare all", &Compare{}},
	{"list", &Compare{After: "a", List: true}},
	{"digests", &Digests{Digests: []Digest{{hashA, 1000}, {hashA, 0}}, Head: 12, Heard: 7}},
	{"listing", &Listing{Items: []Item{{"a/b\xff", file, 3, index.Take}, {"a/c", gone, 4, index.Nothing}}, Head: 12, Heard: 7, Last: true}},
	{"verify", &Verify{Under: "d", Repair: true, Rate: 1 << 20}},
	{"verified", &Verified{Findings: []Finding{{"a\xff", Corrupt, "its hash is another", true, ""}, {"b", Missed, "", false, "no copy"}},
		Paths: 1, Files: 2, Bytes: 3, AllFiles: 4, AllBytes: 5, Busy: 6, Last: true}},
	{"empty listing", &Listing{Last: true}},
	{"refusal", &Piece{ID: 3, Last: true, Refusal: Busy, Text: "open for writing"}},
}

func TestEveryMessageSurvivesTheWire(t *testing.T) {
	var stream bytes.Buffer
	for _, s := range samples {
		if err := WriteMsg(&stream, s.msg); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
	}
	for _, s := range samples {
		got, err := ReadMsg(&stream)
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		if !reflect.DeepEqual(got, s.msg) {
			t.Errorf("%s:\n got %+v\nwant %+v", s.name, got, s.msg)
		}
	}
	if _, err := ReadMsg(&stream); err != io.EOF {
		t.Errorf("at the end: got %v, want io.EOF", err)
	}
}

// The format is shared with nodes of other versions: it must not drift.
func TestFormat(t *testing.T) {
	for _, c := range []struct {
		msg  Msg
		want string
	}{
		{&Ack{Heard: 77}, "00000003" + "03" + "084d"},
		{&Control{Kind: Hold, Text: "why"}, "00000008" + "04" + "0801" + "1203776879"},
		{&Piece{ID: 3, Data: []byte("x"), Last: true}, "00000008" + "06" + "0803" + "120178" + "2001"},
		{&Changes{Changes: []Change{{Pos: 9, Agreed: 17}}, Through: 9, Head: 9}, "0000000b" + "02" + "0a0408092811" + "1009" + "1809"},
	} {
		b, err := Append(nil, c.msg)
		if got := hex.EncodeToString(b); got != c.want || err != nil {
			t.Errorf("%T: got %s (%v), want %s", c.msg, got, err, c.want)
		}
	}
}

var noticed = index.Sighting{How: index.ByWatch, Time: 12345}

// How a change was noticed is for the journal. What a newer peer says of it, and
// is not known here, is left out.
func TestUnknownSighting(t *testing.T) {
	c := Change{Pos: 3, Path: "a", Entry: file, Noticed: noticed}
	p := c.proto()
	p.How = uint32(index.ByRule) + 1
	got, err := changeFrom(p)
	if err != nil || got.Noticed != (index.Sighting{}) {
		t.Errorf("%+v, %v", got.Noticed, err)
	}
}

func with[M any](m M, change func(*M)) *M {
	change(&m)
	return &m
}

func TestRulesHoldInBothDirections(t *testing.T) {
	one := Change{Pos: 3, Path: "a", Entry: file}
	change := func(f func(*Change)) Msg {
		return &Changes{Changes: []Change{*with(one, f)}, Through: 3, Head: 3}
	}
	want := func(f func(*Want)) Msg {
		return &Fetch{Wants: []Want{*with(Want{ID: 1, Path: "a", Hash: hashA, Size: 10}, f)}}
	}
	for _, c := range []struct {
		name string
		msg  Msg
		says string
	}{
		{"no protocol", with(*hello(), func(m *Hello) { m.Protocol = 0 }), "protocol versions 1 to 0"},
		{"no share", with(*hello(), func(m *Hello) { m.Share = "" }), "a name is missing"},
		{"long name", with(*hello(), func(m *Hello) { m.NodeName = strings.Repeat("n", 256) }), "limit is 255"},
		{"escape in name", with(*hello(), func(m *Hello) { m.Version = "\x1b[2J" }), "not printable"},
		{"no epoch", with(*hello(), func(m *Hello) { m.Epoch = 0 }), "no epoch"},
		{"many ignore lines", with(*hello(), func(m *Hello) { m.Ignore = make([]string, MaxIgnores+1) }), "1000"},
		{"much to ignore", with(*hello(), func(m *Hello) { m.Ignore = []string{strings.Repeat("x", MaxIgnoreBytes+1)} }), "limit is 65536"},
		{"heard nobody", with(*hello(), func(m *Hello) { m.HeardEpoch = 0 }), "no epoch"},

		{"out of order", &Changes{Changes: []Change{{Pos: 3, Agreed: 1}, {Pos: 3, Agreed: 2}}, Through: 3, Head: 3}, "position 3 after 3"},
		{"position 0", change(func(c *Change) { c.Pos = 0 }), "position 0 after 0"},
		{"through too low", &Changes{Changes: []Change{{Pos: 3, Agreed: 1}}, Through: 2, Head: 3}, "out of order"},
		{"ahead, and not behind", &Changes{Changes: []Change{{Pos: 3, Agreed: 1}}, Through: 3, Head: 3, Ahead: true}, "ahead of their turn"},
		{"ahead of the head", &Changes{Changes: []Change{{Pos: 3, Agreed: 1}}, Through: 2, Head: 2, Ahead: true}, "ahead of their turn"},
		{"nothing ahead", &Changes{Through: 2, Head: 2, Ahead: true}, "ahead of their turn"},
		{"head too low", &Changes{Through: 4, Head: 3}, "out of order"},
		{"leaves the root", change(func(c *Change) { c.Path = "a/../../b" }), `component ".."`},
		{"absolute", change(func(c *Change) { c.Path = "/etc/passwd" }), "empty component"},
		{"no path", change(func(c *Change) { c.Path = "" }), "empty path"},
		{"no entry", change(func(c *Change) { c.Entry = nil }), "no entry"},
		{"agreed, and noticed", &Changes{Changes: []Change{{Pos: 3, Agreed: 4, Noticed: noticed}}, Through: 3, Head: 3}, "both"},
		{"moved from outside", change(func(c *Change) { c.Noticed = noticed; c.Noticed.Other = "../x" }), "moved from or to"},
		{"both", change(func(c *Change) { c.Agreed = 4 }), "both"},
		{"content of another size", change(func(c *Change) { c.Content = []byte("four") }), "content of 4 bytes for a file of 5"},
		{"content of a tombstone", change(func(c *Change) { c.Entry, c.Content = gone, []byte("x") }), "content for a gone"},
		{"long content", change(func(c *Change) {
			c.Entry = with(*file, func(e *index.Entry) { e.Size = MaxContent + 1 })
			c.Content = make([]byte, MaxContent+1)
		}), "limit is 32768"},
		{"too many changes", &Changes{Changes: agreed(MaxChanges + 1), Through: 1 << 20, Head: 1 << 20}, "4096"},

		{"control of no kind", &Control{}, "unknown kind 0"},
		{"control of new kind", &Control{Kind: 99}, "unknown kind 99"},

		{"wants nothing", &Fetch{}, "0 wants"},
		{"wants too much", &Fetch{Wants: wants(MaxWants + 1)}, "1024"},
		{"want twice", &Fetch{Wants: []Want{{ID: 5, Path: "a", Hash: hashA}, {ID: 5, Path: "a", Hash: hashA}}}, "want 5 after 5"},
		{"want without id", want(func(w *Want) { w.ID = 0 }), "want 0 after 0"},
		{"want without hash", want(func(w *Want) { w.Hash = index.Hash{} }), "no hash"},
		{"want outside", want(func(w *Want) { w.Path = ".." }), `component ".."`},
		{"want beyond the end", want(func(w *Want) { w.Offset = 11 }), "offset 11"},
		{"negative offset", want(func(w *Want) { w.Offset = -1 }), "offset -1"},
		{"negative size", want(func(w *Want) { w.Size = -1 }), "size -1"},

		{"compare outside", &Compare{Under: "../x"}, `component ".."`},
		{"compare after nonsense", &Compare{After: "/x"}, "empty component"},
		{"compare through nonsense", &Compare{Through: "a//x"}, "empty component"},
		{"cut outside", &Compare{Cuts: []index.Path{".."}}, `component ".."`},
		{"cuts out of order", &Compare{Cuts: []index.Path{"b", "a"}}, "cut 1 is out of order"},
		{"too many cuts", &Compare{Cuts: cuts(MaxCuts + 1)}, "1023"},
		{"list with cuts", &Compare{Cuts: []index.Path{"a"}, List: true}, "no cuts"},
		{"no digests", &Digests{}, "0 digests"},
		{"too many digests", &Digests{Digests: make([]Digest, MaxCuts+2)}, "1024"},
		{"digest of less than nothing", &Digests{Digests: []Digest{{Count: -1}}}, "entries"},
		{"item outside", listing(func(i *Item) { i.Path = "a/.." }), `component ".."`},
		{"item without entry", listing(func(i *Item) { i.Entry = nil }), "entry"},
		{"item at no position", listing(func(i *Item) { i.Pos = 0 }), "no position"},
		{"item for nobody", listing(func(i *Item) { i.Next = index.Left }), "next 4 is unknown"},
		{"items out of order", &Listing{Items: []Item{{"b", file, 1, 0}, {"a", file, 2, 0}}}, "item 1 is out of order"},
		{"verify outside", &Verify{Under: ".."}, `component ".."`},
		{"verify backwards", &Verify{Rate: -1}, "rate"},
		{"less than nothing", &Verified{Busy: -1}, "count"},
		{"finding outside", &Verified{Findings: []Finding{{Path: "/", What: Missed}}}, "empty component"},
		{"finding nothing", &Verified{Findings: []Finding{{Path: "a"}}}, "what 0 is unknown"},
		{"finding news", &Verified{Findings: []Finding{{Path: "a", What: 9}}}, "what 9 is unknown"},
		{"repaired and not", &Verified{Findings: []Finding{{Path: "a", What: Missed, Repaired: true, Trouble: "x"}}}, "repaired, and not"},
		{"too many findings", &Verified{Findings: make([]Finding, MaxFindings+1)}, "256"},
		{"too many items", &Listing{Items: items(MaxItems + 1)}, "4096"},

		{"piece of nothing", &Piece{Data: []byte("x")}, "answers no want"},
		{"long piece", &Piece{ID: 1, Data: make([]byte, MaxPiece+1)}, "limit is 262144"},
		{"empty zstd", &Piece{ID: 1, Zstd: true, Last: true}, "compressed, but empty"},
		{"empty, not last", &Piece{ID: 1}, "not the last"},
		{"refuses and goes on", &Piece{ID: 1, Refusal: Gone}, "goes on"},
		{"refuses with data", &Piece{ID: 1, Refusal: Gone, Last: true, Data: []byte("x")}, "goes on"},
		{"refuses with a hole", &Piece{ID: 1, Refusal: Gone, Last: true, Hole: 1}, "goes on"},
		{"long hole", &Piece{ID: 1, Hole: MaxHole + 1}, "limit is 1073741824"},
		{"hole of less than nothing", &Piece{ID: 1, Hole: -1, Last: true}, "-1 zeros"},
		{"data and a hole", &Piece{ID: 1, Hole: 1, Data: []byte("x")}, "must be one"},
		{"many chunks", &Piece{ID: 1, Chunks: make([]chunk.Chunk, MaxChunks+1)}, "limit is"},
		{"chunk of nothing", &Piece{ID: 1, Chunks: []chunk.Chunk{{Sum: 1}}}, "chunk 0 of 0 bytes"},
		{"part beyond the end", want(func(w *Want) { w.Offset, w.Length = 5, 6 }), "6 bytes at 5 of a content of 10"},
		{"part of less than nothing", want(func(w *Want) { w.Length = -1 }), "-1 bytes at 0"},
		{"tiny chunks", want(func(w *Want) { w.ChunkBits = 9 }), "chunks of 2^9"},
		{"huge chunks", want(func(w *Want) { w.ChunkBits = 21 }), "chunks of 2^21"},
		{"new refusal", &Piece{ID: 1, Refusal: 9, Last: true}, "unknown refusal 9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Append(nil, c.msg); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("send: got %v, want an error with %q", err, c.says)
			}
			b := frame(t, c.msg)
			if _, err := Decode(b); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("receive: got %v, want an error with %q", err, c.says)
			}
		})
	}
}

func agreed(n int) []Change {
	changes := make([]Change, n)
	for i := range changes {
		changes[i] = Change{Pos: index.Seq(i + 1), Agreed: 1}
	}
	return changes
}

func listing(change func(*Item)) Msg {
	return &Listing{Items: []Item{*with(Item{"a", file, 1, index.Nothing}, change)}}
}

func cuts(n int) (list []index.Path) {
	for i := range n {
		list = append(list, index.Path(fmt.Sprintf("%05d", i)))
	}
	return list
}

func items(n int) (list []Item) {
	for _, p := range cuts(n) {
		list = append(list, Item{p, gone, 1, index.Nothing})
	}
	return list
}

func wants(n int) []Want {
	wants := make([]Want, n)
	for i := range wants {
		wants[i] = Want{ID: uint64(i + 1), Path: "p", Hash: hashA}
	}
	return wants
}

// The counts of items are bounded before the items are decoded.
func TestCountsAreCheckedBeforeDecoding(t *testing.T) {
	many := func(field protowire.Number, value []byte, n int) (b []byte) {
		for range n {
			b = protowire.AppendTag(b, field, protowire.BytesType)
			b = protowire.AppendBytes(b, value)
		}
		return b
	}
	counters := many(3, many(10, nil, 17), 1)
	for _, c := range []struct {
		name string
		body []byte
		kind wirepb.Kind
	}{
		{"changes", many(1, nil, MaxFrame/2-1), wirepb.Kind_CHANGES},
		{"wants", many(1, nil, MaxFrame/2-1), wirepb.Kind_FETCH},
		{"entries", many(1, many(3, nil, 2), 1), wirepb.Kind_CHANGES},
		{"counters", many(1, counters, 1), wirepb.Kind_CHANGES},
		{"cuts", many(4, nil, MaxFrame/2-1), wirepb.Kind_COMPARE},
		{"digests", many(1, nil, MaxFrame/2-1), wirepb.Kind_DIGESTS},
		{"items", many(1, nil, MaxFrame/2-1), wirepb.Kind_LISTING},
		{"findings", many(1, nil, MaxFrame/2-1), wirepb.Kind_VERIFIED},
		{"counters of an item", many(1, many(2, many(10, nil, 17), 1), 1), wirepb.Kind_LISTING},
		{"settlements", many(1, many(3, many(13, nil, 2), 1), 1), wirepb.Kind_CHANGES},
		{"settled counters", many(1, many(3, many(13, many(1, nil, 17), 1), 1), 1), wirepb.Kind_CHANGES},
		{"ignore lines", many(20, nil, MaxFrame/3-1), wirepb.Kind_HELLO},
	} {
		_, err := Decode(append([]byte{byte(c.kind)}, c.body...))
		if err == nil || !strings.Contains(err.Error(), "occurs more than") {
			t.Errorf("%s: got %v", c.name, err)
		}
		body := c.body
		if n := testing.AllocsPerRun(5, func() { Decode(append([]byte{byte(c.kind)}, body...)) }); n > 20 {
			t.Errorf("%s: %v allocations for what is refused", c.name, n)
		}
	}
}

func TestFrames(t *testing.T) {
	ack := frame(t, &Ack{Heard: 1})
	framed := func(n byte, b ...byte) []byte { return append([]byte{0, 0, 0, n}, b...) }
	for _, c := range []struct {
		name string
		in   []byte
		want string
	}{
		{"too long", []byte{0, 0x10, 0, 1}, "limit is 1048576"},
		{"far too long", []byte{0xff, 0xff, 0xff, 0xff}, "limit is 1048576"},
		{"empty", framed(0), "empty frame"},
		{"cut in the length", []byte{0, 0}, io.ErrUnexpectedEOF.Error()},
		{"cut after the length", framed(3), io.ErrUnexpectedEOF.Error()},
		{"cut in the body", framed(byte(len(ack)+1), ack...), io.ErrUnexpectedEOF.Error()},
		{"unknown kind", framed(1, 99), "not a message of this protocol version"},
		{"kind 0", framed(1, 0), "not a message of this protocol version"},
		{"not protobuf", framed(2, 3, 0xff), "received ACK"},
	} {
		_, err := ReadMsg(bytes.NewReader(c.in))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", c.name, err, c.want)
		}
	}
	m, err := ReadMsg(bytes.NewReader(framed(byte(len(ack)), ack...)))
	if err != nil || !reflect.DeepEqual(m, &Ack{Heard: 1}) {
		t.Errorf("whole: got %v, %v", m, err)
	}
}

// A node of a later version may say more in a message than we know.
func TestUnknownFieldsAreSkipped(t *testing.T) {
	b := frame(t, &Ack{Heard: 5})
	b = protowire.AppendTag(b, 1000, protowire.BytesType)
	b = protowire.AppendString(b, "news")
	m, err := Decode(b)
	if err != nil || !reflect.DeepEqual(m, &Ack{Heard: 5}) {
		t.Errorf("got %v, %v", m, err)
	}
}

func TestReadMsgBufReusesItsBuffer(t *testing.T) {
	var stream bytes.Buffer
	first := &Piece{ID: 1, Data: []byte("first")}
	if err := errors.Join(WriteMsg(&stream, first), WriteMsg(&stream, &Piece{ID: 2, Data: []byte("other")})); err != nil {
		t.Fatal(err)
	}
	m, buf, err := ReadMsgBuf(&stream, make([]byte, 0, 100))
	if err != nil {
		t.Fatal(err)
	}
	if _, again, err := ReadMsgBuf(&stream, buf); err != nil || &again[0] != &buf[0] {
		t.Errorf("the buffer was not reused: %v", err)
	}
	if first.Data = m.(*Piece).Data; !reflect.DeepEqual(m, first) {
		t.Errorf("the first message changed with the buffer: %+v", m)
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                      "plain",
		"two\nlines":                 "two lines",
		"\x1b[31mred":                " [31mred",
		"bad \xff utf8":              "bad \uFFFD utf8",
		strings.Repeat("x", MaxText): strings.Repeat("x", MaxText),
	} {
		if got := Text(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	if got := Text(strings.Repeat("ä", MaxText)); len(got) > MaxText || !strings.HasSuffix(got, "ä...") {
		t.Errorf("long text: %d bytes, ends in %q", len(got), got[len(got)-8:])
	}
}

func TestSpeak(t *testing.T) {
	at := func(oldest, protocol uint32) *Hello {
		return with(*hello(), func(m *Hello) { m.Oldest, m.Protocol = oldest, protocol })
	}
	for _, c := range []struct {
		ours, theirs *Hello
		want         uint32
		says         string
	}{
		{at(1, 1), at(1, 1), 1, ""},
		{at(1, 2), at(1, 1), 1, ""},
		{at(2, 3), at(1, 5), 3, ""},
		{at(2, 3), at(1, 1), 0, "upgrade duet there"},
		{at(1, 1), at(2, 3), 0, "upgrade duet here"},
	} {
		got, err := Speak(c.ours, c.theirs)
		if got != c.want || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%d-%d and %d-%d: got %d, %v", c.ours.Oldest, c.ours.Protocol, c.theirs.Oldest, c.theirs.Protocol, got, err)
		}
	}
}
