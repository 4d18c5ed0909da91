package store

import (
	"fmt"
	"slices"
	"testing"

	bolt "go.etcd.io/bbolt"

	"duet/store/index"
)

// settled makes p an own edit that says what a person has settled.
func settled(tx *Tx, p index.Path, s *index.Settlement) error {
	r, err := tx.Get(p)
	if err != nil {
		return err
	}
	e := *r.Ours
	e.Settled = s
	return edit(tx, p, index.Settled, e)
}

func version(a, b index.Seq) index.Version {
	return index.Version{{Epoch: 1, Seq: a}, {Epoch: 2, Seq: b}}
}

// openConflicts are the losers of the conflicts of a path that are open.
func openConflicts(t *testing.T, s *Store, p index.Path) (out []string) {
	t.Helper()
	view(t, s, func(tx *Tx) error {
		list, err := tx.ConflictsOf(p)
		for _, c := range list {
			if !c.Closed {
				out = append(out, fmt.Sprint(c.Loser.Version))
			}
		}
		return err
	})
	checkStore(t, s)
	return out
}

// A conflict is closed by the entry that says so, opened by one that takes it
// back, and left alone by all others.
func TestConflictsFollowTheirPath(t *testing.T) {
	t.Parallel()
	s := openTest(t, tempIndex(t))
	early, late := file(2, version(1, 1)), file(3, version(1, 4))
	update(t, s, func(tx *Tx) error {
		for _, p := range []index.Path{"a", "a/b", "b"} {
			if err := edit(tx, p, index.Created, *file(1, version(9, 9))); err != nil {
				return err
			}
			for _, loser := range []*index.Entry{early, late} {
				if _, err := tx.AddConflict(index.Conflict{Path: p, Winner: file(1, version(1, 5)), Loser: loser}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	both := []string{fmt.Sprint(early.Version), fmt.Sprint(late.Version)}
	for _, step := range []struct {
		what string
		do   func(tx *Tx) error
		want []string
		open int64
	}{
		{"settled up to the first", func(tx *Tx) error { return settled(tx, "a", &index.Settlement{Upto: version(2, 1)}) }, both[1:], 5},
		{"an ordinary edit by an older program", func(tx *Tx) error { return edit(tx, "a", index.Changed, *file(7, nil)) }, both[1:], 5},
		{"settled altogether", func(tx *Tx) error { return settled(tx, "a", &index.Settlement{Upto: version(1, 4)}) }, nil, 4},
		{"taken back", func(tx *Tx) error { return settled(tx, "a", &index.Settlement{}) }, both, 6},
		{"settled again", func(tx *Tx) error { return settled(tx, "a", &index.Settlement{Upto: version(1, 4)}) }, nil, 4},
		{"forgotten", func(tx *Tx) error { return tx.Delete("a") }, nil, 4},
		{"new at that path", func(tx *Tx) error { return edit(tx, "a", index.Created, *file(7, nil)) }, nil, 4},
	} {
		update(t, s, step.do)
		if got := openConflicts(t, s, "a"); !slices.Equal(got, step.want) {
			t.Errorf("%s: open are %v, want %v", step.what, got, step.want)
		}
		if got := openConflicts(t, s, "a/b"); len(got) != 2 {
			t.Errorf("%s: of a/b %v are open", step.what, got)
		}
		view(t, s, func(tx *Tx) error {
			c, err := tx.Counts()
			if c.Conflicts != step.open {
				t.Errorf("%s: %d conflicts are counted, want %d", step.what, c.Conflicts, step.open)
			}
			return err
		})
	}
	// One that is listed after it was settled is closed from the beginning.
	update(t, s, func(tx *Tx) error {
		if err := settled(tx, "b", &index.Settlement{Upto: version(9, 9)}); err != nil {
			return err
		}
		_, err := tx.AddConflict(index.Conflict{Path: "b", Winner: file(1, version(9, 9)), Loser: late})
		return err
	})
	if got := openConflicts(t, s, "b"); got != nil {
		t.Errorf("open although settled before it was listed: %v", got)
	}
	update(t, s, func(tx *Tx) error {
		for c, err := range tx.Conflicts() {
			if err != nil {
				return err
			}
			if err := tx.DropConflict(c.ID); err != nil {
				return err
			}
		}
		return nil
	})
	checkStore(t, s)
}

// An index that was made before conflicts could be found by their path.
func TestConflictsOfOlderFormat(t *testing.T) {
	t.Parallel()
	path := tempIndex(t)
	s := openTest(t, path)
	update(t, s, func(tx *Tx) error {
		for _, p := range []index.Path{"a", "a/b", "a"} {
			if _, err := tx.AddConflict(index.Conflict{Path: p, Winner: file(1, nil), Loser: file(2, nil)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err := s.db.Update(func(b *bolt.Tx) error {
		for _, name := range [][]byte{disputeBucket, rulingBucket, ruledBucket} {
			if err := b.DeleteBucket(name); err != nil {
				return err
			}
		}
		return b.Bucket(metaBucket).Put(formatKey, []byte{0, 0, 0, 4})
	}); err != nil {
		t.Fatal(err)
	}
	closeTest(t, s)
	s = openTest(t, path)
	if got := openConflicts(t, s, "a"); len(got) != 2 {
		t.Errorf("%d conflicts of a, want 2", len(got))
	}
}

func TestRulings(t *testing.T) {
	t.Parallel()
	s := openTest(t, tempIndex(t))
	paths := []index.Path{"a", "a/b", "a/c", "b"}
	update(t, s, func(tx *Tx) error {
		for i := range 3 {
			id, err := tx.AddRuling(index.Ruling{Time: int64(i), What: fmt.Sprint("order ", i)})
			if err != nil {
				return err
			}
			for _, p := range paths {
				for range 2 { // the second time in place of the first
					if err := tx.PutRuled(index.Ruled{Ruling: id, Path: p, Before: file(1, version(1, 1)), After: version(2, 1)}); err != nil {
						return err
					}
				}
			}
		}
		return tx.DropRuled(2, "a/c")
	})
	checkStore(t, s)
	by := func(id uint64, after index.Path) (out []index.Path) {
		view(t, s, func(tx *Tx) error {
			for r, err := range tx.RuledBy(id, after) {
				if err != nil {
					return err
				}
				out = append(out, r.Path)
			}
			return nil
		})
		return out
	}
	for _, c := range []struct {
		id    uint64
		after index.Path
		want  []index.Path
	}{{1, "", paths}, {2, "", []index.Path{"a", "a/b", "b"}}, {2, "a", []index.Path{"a/b", "b"}}, {3, "b", nil}, {4, "", nil}} {
		if got := by(c.id, c.after); !slices.Equal(got, c.want) {
			t.Errorf("ruling %d behind %q: %v, want %v", c.id, c.after, got, c.want)
		}
	}
	old := func(before int64, keep uint64, most int) (n int) {
		view(t, s, func(tx *Tx) error {
			list, err := tx.OldRulings(before, keep, most)
			n = len(list)
			return err
		})
		return n
	}
	for _, c := range []struct {
		before int64
		keep   uint64
		most   int
		want   int
	}{{0, 100, 100, 0}, {1, 100, 100, 4}, {5, 100, 100, 7}, {5, 100, 3, 3}, {0, 8, 100, 4}, {0, 0, 100, 7}} {
		if got := old(c.before, c.keep, c.most); got != c.want {
			t.Errorf("older than %d, beyond %d: %d, want %d", c.before, c.keep, got, c.want)
		}
	}
	update(t, s, func(tx *Tx) error {
		for _, p := range paths {
			if err := tx.DropRuled(2, p); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, s, func(tx *Tx) error {
		r, err := tx.GetRuling(2)
		if r != nil {
			t.Errorf("ruling 2 is there with %d paths", r.Paths)
		}
		return err
	})
	checkStore(t, s)
}
