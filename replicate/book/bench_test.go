package book

import (
	"fmt"
	"path/filepath"
	"testing"

	"duet/store"
	"duet/store/index"
)

// BenchmarkLookup is what a scan reads of the index: all records, in portions.
func BenchmarkLookup(b *testing.B) {
	const n = 20_000
	st, err := store.Open(filepath.Join(b.TempDir(), "index"), store.Options{Share: "data", Node: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	err = st.Update(func(tx *store.Tx) error {
		m, err := tx.Meta()
		if err != nil {
			return err
		}
		for i := range n {
			e := &index.Entry{
				Kind: index.File, Hash: index.Hash{byte(i), byte(i >> 8), 1}, Size: int64(1000 + i), ModTime: 1763821234567890123 + int64(i),
				Mode: 0o644, Origin: 1, Version: index.Version{{Epoch: m.Epoch, Seq: tx.Head() + 1}},
			}
			p := index.Path(fmt.Sprintf("contents/images/%04d/product-%06d.jpg", i/100, i))
			pos, err := tx.Note(index.Event{Path: p, What: index.Created, How: index.ByScan, Node: 1, Time: 1763821234567890123, Entry: e})
			if err != nil {
				return err
			}
			s := index.Stamp{Ino: uint64(1<<22 + i), Size: e.Size, ModTime: e.ModTime, Ctime: e.ModTime, Mode: 0o100644, UID: 1001, GID: 1001}
			r := &index.Record{Path: p, Ours: e, Base: e, Theirs: e, Stamp: s, Pos: pos, Heard: pos}
			if err := tx.Put(r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	book := &Book{Store: st}
	b.ReportAllocs()
	for b.Loop() {
		got, from := 0, index.Root
		for {
			rs, err := book.Lookup(from, index.Root, 1024)
			if err != nil {
				b.Fatal(err)
			}
			if got += len(rs); len(rs) < 1024 {
				break
			}
			from = rs[len(rs)-1].Path
		}
		if got != n {
			b.Fatalf("%d records", got)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/path")
}
