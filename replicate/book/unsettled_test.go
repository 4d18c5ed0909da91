package book

import (
	"slices"
	"testing"

	"duet/scan"
	"duet/store"
	"duet/store/index"
)

// Whether the install or a person made what is at a path is not known before a
// replay has told: until then it is nobody's edit. (An install had changed the
// mode, its intent could not be settled because of a disk error, and the mode
// became an edit of this node's that beat the peer's next save.)
func TestUnsettledIsNoEdit(t *testing.T) {
	b := newBook(t)
	was := stampOf(3, 0o100644)
	record := func(found ...scan.Finding) Recorded {
		t.Helper()
		out, err := b.Record(nil, []Findings{{Found: found, How: index.ByScan}}, 9, false)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	names := []index.Path{"changed", "dir", "from", "to", "other"}
	var first []scan.Finding
	for _, p := range names {
		first = append(first, appears(p, was))
	}
	record(first...)
	entry := first[0].Entry
	intend := func(in index.Intent) {
		t.Helper()
		err := b.Store.Update(func(tx *store.Tx) error {
			_, err := tx.AddIntent(in)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	intend(index.Intent{Verb: index.SetMeta, Path: "changed", Expect: was, Entry: entry})
	intend(index.Intent{Verb: index.Shelve, Path: "dir", Held: "x", Expect: was, Entry: &index.Entry{Kind: index.Gone}, Reason: index.Removed})
	intend(index.Intent{Verb: index.Move, Path: "to", From: "from", Ino: 3, Expect: was, Entry: entry})
	changed := func(p index.Path) scan.Finding {
		e := *entry
		e.Mode = 0o600
		return scan.Finding{Path: p, What: index.Touched, Entry: &e, Was: was, Now: stampOf(3, 0o100600)}
	}
	out := record(changed("changed"), appears("dir/below", was), goes("from", was), changed("to"), changed("other"), appears("dir2", was))
	want := []index.Path{"changed", "dir/below", "from", "to"}
	slices.Sort(out.Unsettled)
	if out.Edits != 2 || !slices.Equal(out.Unsettled, want) {
		t.Errorf("%d edits, unsettled %v; want 2 and %v", out.Edits, out.Unsettled, want)
	}
	err := b.Store.Update(func(tx *store.Tx) error {
		intents, err := tx.Intents()
		for _, in := range intents {
			if err := tx.DropIntent(in.ID); err != nil {
				return err
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if out := record(changed("changed"), goes("from", was)); out.Edits != 2 || len(out.Unsettled) > 0 {
		t.Errorf("settled: %+v", out)
	}
}
