package store

import (
	"testing"

	"duet/store/index"
)

// A View that begins in the very moment after a commit can read what the
// commit wrote, also if it is the first of its class.
func TestFirstOfItsClassIsReadAtOnce(t *testing.T) {
	t.Parallel()
	s := openTest(t, tempIndex(t))
	var early error
	update(t, s, func(tx *Tx) error {
		// bbolt calls this between the commit and the return from it.
		tx.bolt.OnCommit(func() {
			early = s.View(func(tx *Tx) error {
				_, err := tx.Get("x")
				return err
			})
		})
		e := *file('a', nil)
		e.Mode = 0o604
		return edit(tx, "x", index.Created, e)
	})
	if early != nil {
		t.Error(early)
	}
}

// A class of a commit that failed is not taken for written by the next one.
func TestClassOfAFailedCommit(t *testing.T) {
	t.Parallel()
	fail := false
	path := tempIndex(t)
	s := openWith(t, path, Options{Share: "images", Node: testNode, Commit: func(stage string) error {
		if fail && stage == "commit" {
			return errCrash
		}
		return nil
	}})
	e := *file('a', nil)
	e.Mode = 0o604
	fail = true
	if err := s.Update(func(tx *Tx) error { return edit(tx, "x", index.Created, e) }); err == nil {
		t.Fatal("the commit did not fail")
	}
	fail = false
	update(t, s, func(tx *Tx) error { return edit(tx, "x", index.Created, e) })
	closeTest(t, s)
	s = openTest(t, path)
	view(t, s, func(tx *Tx) error {
		_, err := tx.Get("x")
		return err
	})
	checkStore(t, s)
}
