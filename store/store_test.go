package store

import (
	"path/filepath"
	"testing"

	"duet/store/index"
)

func openTest(tb testing.TB, path string) *Store {
	tb.Helper()
	s, err := Open(path, Options{Share: "images", Node: testNode})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

func update(tb testing.TB, s *Store, f func(*Tx) error) {
	tb.Helper()
	if err := s.Update(f); err != nil {
		tb.Fatal(err)
	}
}

func view(tb testing.TB, s *Store, f func(*Tx) error) {
	tb.Helper()
	if err := s.View(f); err != nil {
		tb.Fatal(err)
	}
}

func checkStore(tb testing.TB, s *Store) {
	tb.Helper()
	view(tb, s, func(tx *Tx) error {
		for err := range Check(tx, CheckOptions{}) {
			tb.Errorf("check: %v", err)
		}
		return nil
	})
}

func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index")
	s := openTest(t, path)
	var first Meta
	view(t, s, func(tx *Tx) (err error) { first, err = tx.Meta(); return err })
	if first.Epoch == 0 || first.Share != "images" || first.Node != testNode || len(first.Runs) != 1 || first.Format != 1 {
		t.Fatalf("new index has meta %+v", first)
	}
	_ = index.Root
}
