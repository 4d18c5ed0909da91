package store

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"duet/store/index"
)

func TestIntents(t *testing.T) {
	t.Parallel()
	path := tempIndex(t)
	s := openWith(t, path, Options{})
	want := []index.Intent{
		{ID: 1, Verb: index.Swap, Path: "a", Held: "x", Ino: 7, Expect: index.Stamp{Ino: 9, Size: 3}, Entry: file(1, nil), Reason: index.Overwritten},
		{ID: 2, Verb: index.Move, Path: "b", From: "a/c", Ino: 8},
	}
	update(t, s, func(tx *Tx) error {
		for _, i := range want {
			id, err := tx.AddIntent(i)
			if err != nil || id != i.ID {
				t.Errorf("AddIntent: %d, %v", id, err)
			}
		}
		if _, err := tx.AddIntent(index.Intent{Verb: index.Place, Path: "a", Held: "../x"}); err == nil {
			t.Error("an intent with a held name that leaves the holding area was taken")
		}
		return nil
	})
	closeTest(t, s)
	s = openTest(t, path)
	update(t, s, func(tx *Tx) error {
		got, err := tx.Intents()
		equal(t, "intents", got, want)
		return errors.Join(err, tx.DropIntent(1), tx.DropIntent(1), tx.DropIntent(99))
	})
	checkStore(t, s)
	update(t, s, func(tx *Tx) error {
		if c, err := tx.Counts(); err != nil || c.Intents != 1 {
			t.Errorf("%d intents, %v", c.Intents, err)
		}
		id, err := tx.AddIntent(want[0])
		if id != 3 {
			t.Errorf("number %d was given again", id)
		}
		return err
	})
}

func TestKept(t *testing.T) {
	t.Parallel()
	s := openTest(t, tempIndex(t))
	kept := []index.Kept{
		{ID: 1, Path: "a", Entry: file(5, nil), Reason: index.Overwritten, By: testPeer, Time: 1, Held: "1"},
		{ID: 2, Path: "b", Entry: file(5, nil), Reason: index.LostConflict, By: testPeer, Time: 2, Held: "2"},
		{ID: 3, Path: "c", Entry: &index.Entry{Kind: index.Dir}, Reason: index.Removed, Time: 3},
		{ID: 4, Path: "d", Reason: index.Found, Held: "4"},
		{ID: 5, Path: "e", Entry: &index.Entry{Kind: index.File, Size: 8}, Reason: index.Raced, Held: "5"}, // never hashed
	}
	update(t, s, func(tx *Tx) error {
		for _, k := range kept {
			if id, err := tx.AddKept(k); err != nil || id != k.ID {
				t.Errorf("AddKept: %d, %v", id, err)
			}
		}
		return nil
	})
	checkStore(t, s)
	lookUp := func(tx *Tx, h index.Hash) uint64 {
		k, err := tx.KeptByHash(h)
		if err != nil {
			t.Error(err)
		}
		if k == nil {
			return 0
		}
		return k.ID
	}
	update(t, s, func(tx *Tx) error {
		equal(t, "AllKept", collect(t, "AllKept", tx.AllKept()), kept)
		var names, want []string
		for name, err := range tx.KeptNames() {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, name)
		}
		for _, k := range kept {
			want = append(want, k.Held)
		}
		equal(t, "KeptNames", names, want)
		c, err := tx.Counts()
		if err != nil || c.Kept != 5 || c.KeptBytes != 18 {
			t.Errorf("counts %+v, %v", c, err)
		}
		if k, err := tx.GetKept(2); err != nil || !reflect.DeepEqual(*k, kept[1]) {
			t.Errorf("GetKept: %+v, %v", k, err)
		}
		if lookUp(tx, index.Hash{5, 9}) != 1 || lookUp(tx, index.Hash{6}) != 0 || lookUp(tx, index.Hash{}) != 0 {
			t.Error("KeptByHash found something else")
		}
		if err := errors.Join(tx.DropKept(1), tx.DropKept(99)); err != nil {
			return err
		}
		if lookUp(tx, index.Hash{5, 9}) != 2 {
			t.Error("KeptByHash does not find the other one")
		}
		if k, err := tx.GetKept(1); k != nil || err != nil {
			t.Errorf("dropped, and found: %v, %v", k, err)
		}
		return nil
	})
	checkStore(t, s)
	for name, test := range map[string]struct {
		names []string
		want  []string
	}{
		"all there": {[]string{"2", "4", "5"}, nil},
		"missing":   {[]string{"2", "5"}, []string{"kept version 4: its file 4 is missing"}},
		"stranger":  {[]string{"2", "4", "5", "x\n"}, []string{`held file "x\n": no kept version and no intent explains it`}},
	} {
		got := complaints(t, s, CheckOptions{Held: slices.Values(test.names)})
		equal(t, name, got, test.want)
	}
}

func TestConflicts(t *testing.T) {
	t.Parallel()
	s := openTest(t, tempIndex(t))
	want := []index.Conflict{
		{ID: 1, Path: "a", Time: 1, Winner: file(1, nil), Loser: file(2, nil), Rule: "C7"},
		{ID: 2, Path: "b", Time: 2, Loser: file(2, nil)},
	}
	update(t, s, func(tx *Tx) error {
		for _, c := range want {
			if id, err := tx.AddConflict(c); err != nil || id != c.ID {
				t.Errorf("AddConflict: %d, %v", id, err)
			}
		}
		return nil
	})
	checkStore(t, s)
	update(t, s, func(tx *Tx) error {
		equal(t, "Conflicts", collect(t, "Conflicts", tx.Conflicts()), want)
		return errors.Join(tx.DropConflict(1), tx.DropConflict(1))
	})
	checkStore(t, s)
	view(t, s, func(tx *Tx) error {
		equal(t, "Conflicts", collect(t, "Conflicts", tx.Conflicts()), want[1:])
		return nil
	})
}

// TestLongNote holds that a note is cut between characters, and does not make
// what it explains fail.
func TestLongNote(t *testing.T) {
	t.Parallel()
	s := openTest(t, tempIndex(t))
	for _, note := range []string{strings.Repeat("x", 2000), "x" + strings.Repeat("ö", 2000), strings.Repeat("\xbf", 2000)} {
		update(t, s, func(tx *Tx) error {
			pos, err := tx.Note(index.Event{Path: "a", What: index.Settled, How: index.ByPeer, Note: note})
			if err != nil {
				return err
			}
			for e, err := range tx.Events(pos) {
				if err != nil {
					return err
				}
				if len(e.Note) > index.MaxNote || len(e.Note) < index.MaxNote-4 || !strings.HasPrefix(note, e.Note) {
					t.Errorf("a note of %d bytes became %q", len(note), e.Note)
				}
				if utf8.ValidString(note) && !utf8.ValidString(e.Note) {
					t.Errorf("cut in a character: %q", e.Note[len(e.Note)-4:])
				}
			}
			return nil
		})
	}
}

// TestOneEntry holds that the entry of a path's last event is written once,
// whatever the order of Put and Note, and that the event keeps it afterwards.
func TestOneEntry(t *testing.T) {
	t.Parallel()
	s := openTest(t, tempIndex(t))
	inRecord := func(want ...bool) {
		t.Helper()
		var got []bool
		view(t, s, func(tx *Tx) error {
			for e, err := range tx.stored(1) {
				if err != nil {
					return err
				}
				got = append(got, e.InRecord)
			}
			return nil
		})
		equal(t, "left out", got, want)
		checkStore(t, s)
	}
	update(t, s, func(tx *Tx) error { return edit(tx, "a", index.Created, *file(1, nil)) })
	update(t, s, func(tx *Tx) error { // the other way round
		m, err := tx.Meta()
		if err != nil {
			return err
		}
		e := file(2, index.Version{{Epoch: m.Epoch, Seq: 2}})
		pos, err := tx.Note(index.Event{Path: "b", What: index.Created, How: index.ByScan, Entry: e})
		return errors.Join(err, tx.Put(&index.Record{Path: "b", Ours: e, Pos: pos, Next: index.Wait}))
	})
	inRecord(true, true)
	update(t, s, func(tx *Tx) error { return edit(tx, "a", index.Changed, *file(3, nil)) })
	inRecord(false, true, true)
	update(t, s, func(tx *Tx) error { return tx.Delete("b") })
	inRecord(false, false, true)
	view(t, s, func(tx *Tx) error {
		for i, e := range collect(t, "Events", tx.Events(1)) {
			if e.Entry.Hash[0] != byte(i+1) {
				t.Errorf("event %d has content %d", i+1, e.Entry.Hash[0])
			}
		}
		return nil
	})
}
