package scan

import (
	"time"

	"duet/store/index"
)

// Dirty is a path to look at.
type Dirty struct {
	Path      index.Path
	Recursive bool      // and, if it is a directory, at everything below it
	First     time.Time // marked first
	Last      time.Time // marked last
	After     time.Time // not before this, zero if it does not matter; set by Examine
}

// DirtySet is the set of paths to look at. It is pure: it knows only the times
// that it is told. Not for use from several goroutines.
type DirtySet struct{}

// NewDirtySet returns an empty set that hands out a path once it was not
// marked again for settle.
func NewDirtySet(settle time.Duration) *DirtySet { return &DirtySet{} }

// Mark adds p.
func (s *DirtySet) Mark(p index.Path, recursive bool, now time.Time) {}

// Due removes and returns at most limit paths whose time has come, in walk order.
func (s *DirtySet) Due(now time.Time, limit int) []Dirty { return nil }

// Put puts back what Examine wants to look at again.
func (s *DirtySet) Put(again ...Dirty) {}

// Next returns when Due will have something; false if the set is empty.
func (s *DirtySet) Next() (time.Time, bool) { return time.Time{}, false }

// Len returns the number of paths.
func (s *DirtySet) Len() int { return 0 }
