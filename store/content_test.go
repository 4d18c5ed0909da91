package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	bolt "go.etcd.io/bbolt"

	"duet/store/index"
)

// keysIn counts the keys of the two buckets that find files by their contents.
func keysIn(t *testing.T, s *Store) (old, recent int) {
	view(t, s, func(tx *Tx) error {
		for range tx.ascend(contentBucket, nil) {
			old++
		}
		for range tx.ascend(recentBucket, nil) {
			recent++
		}
		return nil
	})
	return old, recent
}

// However many files there are, few of their contents are among the recent ones,
// and each file is found by its content wherever that is.
func TestRecentContents(t *testing.T) {
	t.Parallel()
	const n = recentMost + 3*recentSlack
	file := tempIndex(t)
	s := openTest(t, file)
	rnd := rand.New(rand.NewPCG(1, 2))
	paths := benchPaths(n)
	ownEdits(t, s, rnd, paths[:n-recentSlack], 8192)
	if old, recent := keysIn(t, s); old+recent != n-recentSlack || recent > recentMost+recentSlack || old == 0 {
		t.Fatalf("%d contents, and %d recent ones", old, recent)
	}
	closeTest(t, s)
	s = openTest(t, file) // which has to count
	ownEdits(t, s, rnd, paths[n-recentSlack:], 100)
	old, recent := keysIn(t, s)
	if old+recent != n || recent > recentMost+recentSlack {
		t.Errorf("%d contents, and %d recent ones", old, recent)
	}
	found := func(p index.Path) {
		view(t, s, func(tx *Tx) error {
			r, err := tx.Get(p)
			if err != nil || r == nil {
				return errors.Join(err, fmt.Errorf("no record of %v", p))
			}
			if !tx.Holds(r.Ours.Hash) {
				t.Errorf("nobody has the content of %v", p)
			}
			for q, err := range tx.ByHash(r.Ours.Hash, r.Ours.Size) {
				if err != nil || q == p {
					return err
				}
			}
			t.Errorf("%v is not found by its content", p)
			return nil
		})
	}
	for _, i := range []int{0, 1, n / 2, n - 1} {
		found(paths[i])
	}
	// An edit, and a delete, of either.
	for i := range 200 {
		p := paths[i*n/200]
		if i%2 == 0 {
			ownEdits(t, s, rnd, []index.Path{p}, 1)
			found(p)
			continue
		}
		update(t, s, func(tx *Tx) error { return tx.Delete(p) })
	}
	if was, wasRecent := old, recent; true {
		old, recent = keysIn(t, s)
		if old+recent != was+wasRecent-100 || old == was || recent == wasRecent {
			t.Errorf("%d contents and %d recent ones, and then %d and %d", was, wasRecent, old, recent)
		}
	}
	checkStore(t, s)
}

// An index from before there were recent ones goes on with what it has.
func TestContentsOfFormat5(t *testing.T) {
	t.Parallel()
	file := tempIndex(t)
	s := openTest(t, file)
	paths := benchPaths(50)
	ownEdits(t, s, rand.New(rand.NewPCG(1, 2)), paths, 50)
	if err := s.db.Update(func(b *bolt.Tx) error {
		err := b.Bucket(recentBucket).ForEach(func(k, _ []byte) error { return b.Bucket(contentBucket).Put(k, nil) })
		return errors.Join(err, b.DeleteBucket(recentBucket), b.Bucket(metaBucket).Put(formatKey, []byte{0, 0, 0, 5}))
	}); err != nil {
		t.Fatal(err)
	}
	closeTest(t, s)
	s = openTest(t, file)
	checkStore(t, s)
	ownEdits(t, s, rand.New(rand.NewPCG(3, 4)), paths[:10], 1)
	if old, recent := keysIn(t, s); old != 40 || recent != 10 {
		t.Errorf("%d contents, and %d recent ones", old, recent)
	}
	checkStore(t, s)
}
