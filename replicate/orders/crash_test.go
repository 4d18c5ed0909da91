package orders

import (
	"errors"
	"strings"
	"testing"

	"duet/recovery"
	"duet/replicate/ruling"
	"duet/store"
	"duet/store/index"
)

// ruled counts what the index remembers of all orders.
func (s *share) ruled() (n int64) {
	s.t.Helper()
	if err := s.Book.Store.View(func(tx *store.Tx) error {
		for r, err := range tx.Rulings() {
			if err != nil {
				return err
			}
			for _, err := range tx.RuledBy(r.ID, index.Root) {
				if err != nil {
					return err
				}
				n++
			}
		}
		return nil
	}); err != nil {
		s.t.Fatal(err)
	}
	return n
}

// An order may end at any commit. What it is remembered to have done after a start is
// what it did: the same order does the rest, and all of it can be taken back, with
// nothing that is said to have been changed since.
func TestOrderEndsAtEachCommit(t *testing.T) {
	const n = ruling.ChunkPaths + 50
	died := errors.New("died")
	for at := 1; ; at++ {
		s := newShare(t)
		s.conflicts(n)
		commits := 0
		s.commit = func(stage string) error {
			if stage == "commit" {
				if commits++; commits >= at {
					return died
				}
			}
			return nil
		}
		_, err := s.Resolve(t.Context(), take(t, "winner"), nil)
		s.commit = nil
		if err != nil && !errors.Is(err, died) {
			t.Fatal(err)
		}
		if _, err := recovery.Replay(t.Context(), s.Book.Store, s.now.Files, s.Env.Env); err != nil {
			t.Fatal(err)
		}
		if err := ruling.StrikeUndone(s.Book.Store); err != nil {
			t.Fatal(err)
		}
		if did := s.ruled(); did != n-s.open() {
			t.Errorf("died at commit %d: %d paths are remembered, %d are settled", at, did, n-s.open())
		}
		if out, err := s.Resolve(t.Context(), take(t, "winner"), nil); err != nil || s.open() != 0 || out.Skipped != 0 {
			t.Errorf("died at commit %d: the rest: %v, %d open, %d skipped", at, err, s.open(), out.Skipped)
		}
		for {
			out, err := s.TakeBack(t.Context(), 0, nil)
			if err != nil && strings.Contains(err.Error(), "nothing is remembered") {
				break
			}
			if err != nil || out.Skipped != 0 || out.Failed != 0 {
				t.Fatalf("died at commit %d: taken back: %v, %+v", at, err, out)
			}
		}
		if s.open() != n {
			t.Errorf("died at commit %d: %d are open again of %d", at, s.open(), n)
		}
		if err == nil {
			if at < 6 {
				t.Errorf("it took only %d commits", at-1)
			}
			return
		}
	}
}
