package rounds

import (
	"fmt"
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

// roundsOf is the Rounds of node 1, whose peer is node 2, on an index in which nothing
// is yet. There is no tree.
func roundsOf(t *testing.T) *Rounds {
	t.Helper()
	st, err := store.Open(filepath.Join(t.TempDir(), "s.db"), store.Options{Share: "s", Node: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	bounds, _, err := recovery.ParseBounds("50%", nil)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := scan.ParseRules(nil)
	if err != nil {
		t.Fatal(err)
	}
	return New(Options{
		Book:    &book.Book{Store: st, Policy: diff.Policy{Self: 1, Peer: 2, Conflict: diff.Newer}, Rules: rules, Now: time.Now},
		Trouble: &trouble.Paths{}, Bounds: bounds,
		Meta: func(*index.Entry, *index.Record) vfs.Meta { return vfs.Meta{Mode: 0o644, UID: -1, GID: -1} },
	}, nil)
}

// update changes the index.
func update(t *testing.T, r *Rounds, change func(*store.Tx) error) {
	t.Helper()
	if err := r.Book.Store.Update(change); err != nil {
		t.Fatal(err)
	}
}

// announce puts into the index what the peer has and nothing is here of, at positions
// of its journal from first on.
func announce(t *testing.T, r *Rounds, first index.Seq, kind index.Kind, paths ...index.Path) {
	t.Helper()
	update(t, r, func(tx *store.Tx) error {
		for i, p := range paths {
			at := first + index.Seq(i)
			e := entryOf(p, kind, index.Version{{Epoch: 7, Seq: at}})
			if err := tx.Put(&index.Record{Path: p, Theirs: e, Heard: at, Next: index.Take}); err != nil {
				return err
			}
		}
		return nil
	})
}

// numbered are n paths that begin with prefix, in walk order.
func numbered(prefix string, n int) []index.Path {
	var out []index.Path
	for i := range n {
		out = append(out, index.Path(fmt.Sprintf("%s%06d", prefix, i)))
	}
	return out
}

// entryOf is an entry of a kind, a file with content that goes by its name.
func entryOf(p index.Path, kind index.Kind, v index.Version) *index.Entry {
	e := &index.Entry{Kind: kind, Origin: 2, Version: v}
	switch kind {
	case index.File:
		e.Size, e.Hash, e.Mode = 1, scan.SumBytes([]byte(p.Leaf())), 0o644
	case index.Dir:
		e.Mode = 0o755
	case index.Symlink:
		e.Target = "new"
	}
	return e
}
