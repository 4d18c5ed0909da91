package rounds

import (
	"path/filepath"
	"testing"
	"time"

	"duet/diff"
	"duet/recovery"
	"duet/replicate/book"
	"duet/replicate/trouble"
	"duet/scan"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// A directory that the peer has renamed is not made before all is heard of the old
// one, and then named as what it was, with all that is in it; unless something is
// to stay there.
func TestRenamedDirectory(t *testing.T) {
	for name, c := range map[string]struct {
		stays bool
		from  index.Path
	}{"whole": {false, "old"}, "something stays": {true, ""}} {
		t.Run(name, func(t *testing.T) {
			st, err := store.Open(filepath.Join(t.TempDir(), "s.db"), store.Options{Share: "s", Node: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer st.Close()
			heard := index.Seq(0)
			entry := func(p index.Path, kind index.Kind, v index.Version) *index.Entry {
				e := &index.Entry{Kind: kind, Origin: 2, Version: v}
				switch kind {
				case index.File:
					e.Size, e.Hash, e.Mode = 1, scan.SumBytes([]byte(p.Leaf())), 0o644
				case index.Dir:
					e.Mode = 0o755
				}
				return e
			}
			put := func(p index.Path, ours, theirs index.Kind, other index.Path) {
				t.Helper()
				err := st.Update(func(tx *store.Tx) error {
					meta, err := tx.Meta()
					if err != nil {
						return err
					}
					r := &index.Record{Path: p}
					var v index.Version
					if ours != 0 {
						v = index.Version{{Epoch: meta.Epoch, Seq: tx.Head() + 1}}
						r.Ours = entry(p, ours, v)
						r.Stamp = index.Stamp{Ino: uint64(tx.Head()) + 1, Mode: 1}
						if r.Pos, err = tx.Note(index.Event{Path: p, What: index.Created, How: index.ByScan, Node: 1, Entry: r.Ours}); err != nil {
							return err
						}
					}
					if theirs != 0 {
						heard++
						r.Theirs, r.Heard, r.Next = entry(p, theirs, v.Join(index.Version{{Epoch: 7, Seq: heard}})), heard, index.Take
						r.Noticed = index.Sighting{How: index.ByWatch, Time: 1, Other: other}
					}
					return tx.Put(r)
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			put("new", 0, index.Dir, "")
			put("new/f", 0, index.File, "old/f")
			put("new/sub", 0, index.Dir, "")
			put("new/sub/g", 0, index.File, "old/sub/g")
			put("old", index.Dir, index.Gone, "")
			put("old/f", index.File, index.Gone, "new/f")
			put("old/sub", index.Dir, index.Gone, "")
			put("old/sub/g", index.File, index.Gone, "new/sub/g")
			if c.stays {
				put("old/sub/stays", index.File, 0, "")
			}
			bounds, _, err := recovery.ParseBounds("50%", nil)
			if err != nil {
				t.Fatal(err)
			}
			rules, err := scan.ParseRules(nil)
			if err != nil {
				t.Fatal(err)
			}
			r := New(Options{
				Book:    &book.Book{Store: st, Policy: diff.Policy{Self: 1, Peer: 2, Conflict: diff.Newer}, Rules: rules, Now: time.Now},
				Trouble: &trouble.Paths{}, Bounds: bounds,
				Meta: func(*index.Entry, *index.Record) vfs.Meta { return vfs.Meta{} },
			}, nil)
			now := time.Unix(1e9, 0)
			if b, _, err := r.Next(Moment{Now: now}); err != nil || b != nil {
				t.Fatalf("before all is heard: %+v, %v", b, err)
			}
			r.Kick()
			r.Wake(now.Add(time.Second))
			b, _, err := r.Next(Moment{Now: now.Add(time.Second), Drained: true})
			if err != nil || b == nil {
				t.Fatalf("%+v, %v", b, err)
			}
			got := map[index.Path]index.Path{}
			for _, j := range b.Jobs {
				got[j.Path] = j.From
			}
			want := map[index.Path]index.Path{"new": c.from, "new/f": "old/f", "new/sub": "", "new/sub/g": "old/sub/g"}
			if c.from != "" {
				want["new/sub"] = "old/sub"
			}
			for p, from := range want {
				if was, ok := got[p]; !ok || was != from {
					t.Errorf("%v comes from %q, want %q", p, was, from)
				}
			}
		})
	}
}
