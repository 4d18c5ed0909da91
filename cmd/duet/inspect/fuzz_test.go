package inspect

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"duet/store"
	"duet/store/index"
)

// FuzzGlob: a pattern that is taken matches in time, and says the same of a
// path as of its parts.
func FuzzGlob(f *testing.F) {
	for _, c := range [][2]string{
		{"*.png", "a/b.png"}, {"a/**/c", "a/b/b/c"}, {"**", "a"}, {"/a/*", "a/b"}, {"[", "["}, {"[a-", "a"}, {`\`, `\`}, {"a", "a/b"},
		{strings.Repeat("**/", 40) + "x", strings.Repeat("a/", 40) + "y"},
		{strings.Repeat("*a", 40) + "b/c", strings.Repeat("a", 200) + "/c"},
	} {
		f.Add(c[0], c[1])
	}
	f.Fuzz(func(t *testing.T, text, raw string) {
		q, err := index.ParsePath(raw)
		if err != nil || len(text) > 500 || len(raw) > 500 {
			return
		}
		p := pattern{text, IsGlob(text)}
		if !p.valid() {
			return
		}
		got := p.match(q)
		if !p.glob || !strings.Contains(text, "/") {
			return
		}
		// Anchored or not, and with any number of directories before it.
		if (pattern{"/" + strings.TrimPrefix(text, "/"), true}).match(q) != got {
			t.Errorf("%q and %q differ with a slash before", text, raw)
		}
		if got && !(pattern{"**/" + strings.TrimPrefix(text, "/"), true}).match("x/"+q) {
			t.Errorf("%q matches %q, but not below another directory", text, raw)
		}
	})
}

// smallIndex has a few paths, a tombstone, a kept version and a conflict.
func smallIndex(f *testing.F) *store.Store {
	st, err := store.Open(filepath.Join(f.TempDir(), "s.db"), store.Options{Share: "s", Node: 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { st.Close() })
	err = st.Update(func(tx *store.Tx) error {
		for i, e := range []index.Entry{
			{Kind: index.Dir, Mode: 0o755}, {Kind: index.File, Mode: 0o644, Size: 3, ModTime: 1, Hash: index.Hash{1}}, {Kind: index.Gone},
		} {
			e.Origin, e.Version = 1, index.Version{{Epoch: 1, Seq: index.Seq(i + 1)}}
			r := &index.Record{Path: []index.Path{"a", "a/b", "a/c"}[i], Ours: &e, Next: index.Wait}
			pos, err := tx.Note(index.Event{Path: r.Path, What: index.Created, How: index.ByScan, Node: 1, Time: int64(i), Entry: &e})
			if err != nil {
				return err
			}
			r.Pos = pos
			if err := tx.Put(r); err != nil {
				return err
			}
			if e.Kind != index.File {
				continue
			}
			if _, err := tx.AddKept(index.Kept{Path: r.Path, Entry: &e, Reason: index.Removed, By: 1, Time: 5, Held: "h"}); err != nil {
				return err
			}
			if _, err := tx.AddConflict(index.Conflict{Path: r.Path, Time: 3, Winner: &e, Loser: &e, Rule: "newer"}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		f.Fatal(err)
	}
	return st
}

// FuzzQuery: whatever the control socket is asked, the answer is an error or
// lines of JSON.
func FuzzQuery(f *testing.F) {
	st := smallIndex(f)
	for _, kind := range []Kind{Ls, Show, History, Tombstones, StatsOf, Check, Dump, KeptLs, KeptShow, Log, Conflicts, ConflictShow, Rulings, Complete} {
		for _, q := range []Query{{Kind: kind}, {Kind: kind, Pattern: "a/b", Limit: 1, ID: 1, From: 2, Pending: true, Window: Window{Since: 1, Reason: "delete", Pattern: "*"}}} {
			b, err := json.Marshal(q)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var q Query
		if json.Unmarshal(b, &q) != nil {
			return
		}
		var out bytes.Buffer
		if err := st.View(func(tx *store.Tx) error { return Run(tx, q, "", &out) }); err != nil {
			return
		}
		for line := range bytes.Lines(out.Bytes()) {
			if !json.Valid(line) {
				t.Errorf("%s: the answer has %q", b, line)
			}
		}
	})
}
