package store

import "testing"

// A commit must be on stable storage when Update returns. Whether the disk was
// told cannot be seen from here; that bbolt was told to tell it can.
func TestCommitsAreSynced(t *testing.T) {
	t.Parallel()
	s := openTest(t, tempIndex(t))
	if s.db.NoSync || s.db.NoGrowSync {
		t.Errorf("NoSync %v, NoGrowSync %v", s.db.NoSync, s.db.NoGrowSync)
	}
}
