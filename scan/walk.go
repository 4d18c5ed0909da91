package scan

import (
	"context"
	"errors"

	"duet/scan/vfs"
	"duet/store/index"
)

// Lookup returns at most n records that come after from, in walk order; fewer
// than n only at the end of the index. It is called for one chunk at a time,
// so that no read transaction stays open during a walk.
type Lookup func(from index.Path, n int) ([]*index.Record, error)

// WalkOptions are what a Walk needs. All but Arm, Hashers and Progress must be set.
type WalkOptions struct {
	Files  vfs.Files
	Facts  Facts
	Lookup Lookup
	Get    func(index.Path) (*index.Record, error) // nil, nil if there is none
	Under  index.Path                              // the subtree, itself included; Root: everything
	Arm    func(dir index.Path) error              // called before dir is listed
	// Hashers is how many files are read at a time; 0: as many as processors.
	Hashers int
	// Emit gets findings and problems in batches, from one goroutine at a time,
	// parents before children and all creations before all deletions.
	Emit func([]Finding, []Problem) error
	// Progress gets the number of paths seen and bytes hashed so far.
	Progress func(paths, bytes int64)
}

// Summary counts what a Walk saw.
type Summary struct {
	Files, Dirs, Links int64 // present and not ignored
	Skipped            int64 // FIFOs, sockets, devices, mount points
	Problems           int64 // failures, files that are busy included
	Busy               int64
	Hashed             int64 // bytes
	Found              int64 // findings that say more than a new stamp
	Deleted            int64 // of these, tombstones
}

// Walk compares the tree on disk with the index and emits the differences.
func Walk(ctx context.Context, o WalkOptions) (Summary, error) {
	return Summary{}, errors.ErrUnsupported
}
