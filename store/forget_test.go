package store

import (
	"testing"
	"time"

	"duet/store/index"
)

// After ForgetAll nothing is known of any path, wherever it was interrupted; the
// journal, what was displaced and what was settled stay.
func TestForgetAll(t *testing.T) {
	t.Parallel()
	for _, stage := range []string{"commit", "committed"} {
		t.Run(stage, func(t *testing.T) {
			path := tempIndex(t)
			old, head := resetIndex(t, path)
			s := openTest(t, path)
			update(t, s, func(tx *Tx) error {
				m, err := tx.Meta()
				if err != nil {
					return err
				}
				m.Leaves = []Leave{{Under: "a", Upto: 3, Reject: true}}
				if _, err := tx.AddKept(index.Kept{Path: "kept", Reason: index.Removed}); err != nil {
					return err
				}
				return tx.PutMeta(m)
			})
			if m := metaOf(t, s); len(m.Leaves) != 1 || m.Leaves[0] != (Leave{"a", 3, true}) {
				t.Errorf("leaves %+v", m.Leaves)
			}
			closeTest(t, s)
			crashes := untilDone(t, path, stage, func(s *Store) error {
				if metaOf(t, s).Epoch != old {
					return nil // begun before a crash, and finished by Open
				}
				return s.ForgetAll(time.Unix(2e9, 0))
			})
			if crashes < 2 {
				t.Errorf("only %d crashes", crashes)
			}
			s = openTest(t, path)
			checkStore(t, s)
			view(t, s, func(tx *Tx) error {
				c, err := tx.Counts()
				if c.Records != 0 || c.Kept != 1 || c.Conflicts != 1 || tx.Head() != head+1 {
					t.Errorf("counts %+v, head %d", c, tx.Head())
				}
				return err
			})
			if m := metaOf(t, s); m.Epoch <= old || m.PeerEpoch != 0 || m.Heard != 0 || len(m.Leaves) != 0 {
				t.Errorf("meta %+v", m)
			}
		})
	}
}
