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

// A peer may announce any number of paths that nothing can be done with: the walk
// past them leaves the loop to others in between, and misses nothing that comes
// behind it meanwhile.
func TestWalkPauses(t *testing.T) {
	st, err := store.Open(filepath.Join(t.TempDir(), "s.db"), store.Options{Share: "s", Node: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	put := func(paths ...index.Path) {
		t.Helper()
		err := st.Update(func(tx *store.Tx) error {
			for i, p := range paths {
				e := &index.Entry{Kind: index.File, Size: 1, Hash: scan.SumBytes([]byte("x")), Mode: 0o644, Origin: 2,
					Version: index.Version{{Epoch: 7, Seq: index.Seq(i + 1)}}}
				if err := tx.Put(&index.Record{Path: p, Theirs: e, Heard: 1, Next: index.Take}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var paths []index.Path
	for i := range 2*maxPassed + 100 {
		paths = append(paths, index.Path(fmt.Sprintf("missing/%d", i)))
	}
	put(paths...)
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
	var found index.Path
	pauses := 0
	for i := 0; i < 10 && r.More(); i++ {
		passed := r.passed
		if !r.walking {
			passed = 0
		}
		b, _, err := r.Next(Moment{Now: now, Drained: true})
		if err != nil {
			t.Fatal(err)
		}
		if n := r.passed - passed; n > maxPassed {
			t.Errorf("one turn passed %d paths", n)
		}
		if b != nil {
			found = b.Jobs[0].Path
			break
		}
		if r.Paused() {
			if pauses++; pauses == 1 {
				put("before") // the walk is past it
				r.Kick()
			}
		}
		now = now.Add(time.Second)
		r.Wake(now)
	}
	if pauses != 2 {
		t.Errorf("%d pauses", pauses)
	}
	if found != "before" {
		t.Errorf("found %q", found)
	}
}
