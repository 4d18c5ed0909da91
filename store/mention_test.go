package store

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	bolt "go.etcd.io/bbolt"

	"duet/store/index"
)

// histories reads what every way to a path's history says, by path.
func histories(t *testing.T, s *Store) map[index.Path][]index.Seq {
	t.Helper()
	out := map[index.Path][]index.Seq{}
	view(t, s, func(tx *Tx) error {
		for e, err := range tx.Events(0) {
			if err != nil {
				return err
			}
			for _, p := range []index.Path{e.Path, e.From, e.To} {
				if _, ok := out[p]; ok {
					continue
				}
				var at []index.Seq
				for _, h := range collect(t, "History", tx.History(p)) {
					at = append(at, h.Pos)
				}
				if !slices.IsSortedFunc(at, func(a, b index.Seq) int { return int(b) - int(a) }) {
					t.Errorf("the history of %v is not newest first: %d", p, at)
				}
				out[p] = at
			}
		}
		return nil
	})
	return out
}

// A path's history is found without reading the journal, also when nothing is
// left of the path but that, and by the names that it had before and after.
func TestHistory(t *testing.T) {
	t.Parallel()
	file := tempIndex(t)
	s := openTest(t, file)
	life(t, s, rand.New(rand.NewPCG(1, 1)), 100)
	update(t, s, func(tx *Tx) error {
		e := index.Entry{Kind: index.Gone, Origin: testNode}
		err := errors.Join(edit(tx, "was here", index.Created, index.Entry{Kind: index.Dir}), edit(tx, "was here", index.Deleted, e))
		if err != nil {
			return err
		}
		if _, err := tx.Note(index.Event{Path: "new", What: index.Adopted, How: index.ByPeer, From: "was here"}); err != nil {
			return err
		}
		if _, err := tx.Note(index.Event{What: index.Paused, How: index.ByUser}); err != nil {
			return err
		}
		return tx.Delete("was here")
	})
	checkStore(t, s)
	got := histories(t, s)
	want := map[index.Path][]index.Seq{"was here": {103, 102, 101}, "new": {103}, index.Root: {104}}
	for p, at := range want {
		if !slices.Equal(got[p], at) {
			t.Errorf("the history of %q is %d, want %d", p, got[p], at)
		}
	}
	view(t, s, func(tx *Tx) error {
		if e, ok, err := tx.Event(102); err != nil || !ok || e.What != index.Deleted {
			t.Errorf("event 102: %+v, %v, %v", e, ok, err)
		}
		if _, ok, err := tx.Event(105); err != nil || ok {
			t.Errorf("event 105, which is not there: %v, %v", ok, err)
		}
		return nil
	})

	// An index from before that could be found gets what is needed for it.
	var counts Counts
	view(t, s, func(tx *Tx) (err error) { counts, err = tx.Counts(); return err })
	if err := s.db.Update(func(b *bolt.Tx) error {
		old := counts
		for k := range (&Tx{bolt: b, store: s, buckets: map[string]*bolt.Bucket{}}).ascend(mentionBucket, nil) {
			old.EventBytes -= int64(len(k))
		}
		raw, err := old.marshal()
		return errors.Join(err, b.DeleteBucket(mentionBucket), b.Bucket(metaBucket).Put(countsKey, raw),
			b.Bucket(metaBucket).Put(formatKey, []byte{0, 0, 0, 3}))
	}); err != nil {
		t.Fatal(err)
	}
	closeTest(t, s)
	s = openTest(t, file)
	checkStore(t, s)
	again := histories(t, s)
	for p, at := range got {
		if !slices.Equal(again[p], at) {
			t.Errorf("the history of %q was %d, and is %d", p, at, again[p])
		}
	}
}

// What is pruned from the journal is not found by its path any more.
func TestHistoryIsPruned(t *testing.T) {
	t.Parallel()
	s := openTest(t, tempIndex(t))
	life(t, s, rand.New(rand.NewPCG(3, 3)), 300)
	keep := needed(t, s)
	update(t, s, func(tx *Tx) error {
		_, err := tx.PruneJournal(0, JournalLimits{Before: 250}, 10_000, false)
		return err
	})
	checkStore(t, s)
	for p, at := range histories(t, s) {
		for _, pos := range at {
			if pos < 240 && !keep[pos] {
				t.Errorf("the history of %v has %d, which was pruned", p, pos)
			}
		}
	}
}
