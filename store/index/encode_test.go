package index

import (
	"reflect"
	"testing"
)

func sampleFile(seq Seq) *Entry {
	return &Entry{
		Kind: File, Hash: Hash{1, 2, 3}, Size: 123456, ModTime: 1763821234567890123, Mode: 0644,
		Owner: "webmgr", Group: "webmgr", Origin: 0x1122334455667788,
		Version: Version{{0x6721f0a1_01020304, seq}},
	}
}

func sampleRecord() *Record {
	e := sampleFile(77)
	return &Record{
		Path: "home/webmgr/contents/images/picture.png", Ours: e, Base: e, Theirs: e, Pos: 77, Heard: 80,
		Stamp: Stamp{Ino: 4711, Size: e.Size, ModTime: e.ModTime, Ctime: 1763821239999999999, Mode: 0100644, UID: 1001, GID: 1001},
	}
}

func BenchmarkRecord(b *testing.B) {
	r := sampleRecord()
	c, _ := ClassOf(r)
	classes := func(uint32) (Class, bool) { return c, true }
	for _, class := range []uint32{0, 1} {
		raw, err := MarshalRecord(r, class)
		if err != nil {
			b.Fatal(err)
		}
		back, err := UnmarshalRecord(r.Path, raw, classes)
		if err != nil || !reflect.DeepEqual(r, back) {
			b.Fatal(err, back)
		}
		name := map[uint32]string{0: "full", 1: "class"}[class]
		b.Run("marshal/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				MarshalRecord(r, class)
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
