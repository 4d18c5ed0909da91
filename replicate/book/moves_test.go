package book

import (
	"path/filepath"
	"testing"
	"time"

	"duet/diff"
	"duet/scan"
	"duet/store"
	"duet/store/index"
)

func newBook(t *testing.T) *Book {
	t.Helper()
	st, err := store.Open(filepath.Join(t.TempDir(), "index"), store.Options{Node: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return &Book{Store: st, Policy: diff.Policy{Self: 1, Peer: 2}, Now: time.Now}
}

func stampOf(ino uint64, mode uint32) index.Stamp {
	return index.Stamp{Ino: ino, Size: 5, ModTime: 7, Ctime: 8, Mode: mode}
}

func appears(p index.Path, s index.Stamp) scan.Finding {
	e := &index.Entry{Kind: index.File, Hash: index.Hash{1}, Size: s.Size, ModTime: s.ModTime, Mode: 0o644}
	if s.Mode&typeBits == dirBits {
		e = &index.Entry{Kind: index.Dir, Mode: 0o755}
	}
	return scan.Finding{Path: p, What: index.Created, Entry: e, Now: s}
}

func goes(p index.Path, s index.Stamp) scan.Finding {
	return scan.Finding{Path: p, What: index.Deleted, Entry: &index.Entry{Kind: index.Gone}, Was: s}
}

// A file that is found gone and somewhere else was moved, whether both are
// recorded together or, as a scan does, one after the other. Another file that
// was only given its inode is none; nor is a directory.
func TestMoves(t *testing.T) {
	file, dir := stampOf(3, 0o100644), stampOf(4, 0o040755)
	reused := file
	reused.ModTime++
	for name, test := range map[string]struct {
		then     [][]scan.Finding
		from, to index.Path // of what is created as "new" and deleted as "old"
	}{
		"together":           {[][]scan.Finding{{goes("old", file), appears("new", file)}}, "old", "new"},
		"in two batches":     {[][]scan.Finding{{appears("new", file)}, {goes("old", file)}}, "", "new"},
		"its inode only":     {[][]scan.Finding{{goes("old", file), appears("new", reused)}}, "", ""},
		"its inode, later":   {[][]scan.Finding{{appears("new", reused)}, {goes("old", file)}}, "", ""},
		"a directory's":      {[][]scan.Finding{{goes("dir", dir), appears("new", dir)}}, "", ""},
		"gone, then created": {[][]scan.Finding{{goes("old", file)}, {appears("new", file)}}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBook(t)
			for _, found := range append([][]scan.Finding{{appears("old", file), appears("dir", dir)}}, test.then...) {
				if out, err := b.Record(nil, []Findings{{Found: found, How: index.ByScan}}, 9, false); err != nil || len(out.Stale) > 0 {
					t.Fatalf("%+v, %v", out, err)
				}
			}
			err := b.Store.View(func(tx *store.Tx) error {
				for e, err := range tx.Events(0) {
					if err != nil {
						return err
					}
					from, to := index.Root, index.Root
					if e.Path == "new" {
						from = test.from
					}
					if e.Path == "old" && e.What == index.Deleted {
						to = test.to
					}
					if e.From != from || e.To != to {
						t.Errorf("%v %v is from %q to %q, want from %q to %q", e.Path, e.What, e.From, e.To, from, to)
					}
				}
				for broken := range store.Check(tx, store.CheckOptions{}) {
					t.Error(broken)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}
