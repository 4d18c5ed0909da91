package store

import (
	"slices"
	"testing"

	bolt "go.etcd.io/bbolt"

	"duet/store/index"
)

// Versions are found by their path also in an index that was made before there
// was a bucket for it, and never those of a path that only begins alike.
func TestKeptOf(t *testing.T) {
	t.Parallel()
	file := tempIndex(t)
	s := openTest(t, file)
	paths := []index.Path{"a", "a/b", "ab", "a", "a/b/c", "a"}
	update(t, s, func(tx *Tx) error {
		for _, p := range paths {
			if _, err := tx.AddKept(index.Kept{Path: p, Reason: index.Removed}); err != nil {
				return err
			}
		}
		return nil
	})
	look := func(want map[index.Path][]uint64) {
		t.Helper()
		view(t, s, func(tx *Tx) error {
			for p, ids := range want {
				if got := slices.Collect(tx.KeptOf(p)); !slices.Equal(got, ids) {
					t.Errorf("versions of %v: %d, want %d", p, got, ids)
				}
			}
			return nil
		})
		checkStore(t, s)
	}
	want := map[index.Path][]uint64{"a": {1, 4, 6}, "a/b": {2}, "ab": {3}, "a/b/c": {5}, "b": nil}
	look(want)
	if err := s.db.Update(func(b *bolt.Tx) error {
		if err := b.DeleteBucket(keptPathBucket); err != nil {
			return err
		}
		return b.Bucket(metaBucket).Put(formatKey, []byte{0, 0, 0, 1})
	}); err != nil {
		t.Fatal(err)
	}
	closeTest(t, s)
	s = openTest(t, file)
	look(want)
	update(t, s, func(tx *Tx) error { return tx.DropKept(4) })
	want["a"] = []uint64{1, 6}
	look(want)
}
