package scan

import (
	"context"
	"time"

	"duet/replicate/chunk"
	"duet/scan/vfs"
	"duet/store/index"
)

// blindSettle is how long a file must be unchanged, for a Walk, where open
// writers cannot be told.
const blindSettle = 200 * time.Millisecond

// Lookup returns at most n records that come after from and are below under, in
// walk order; fewer than n only at the end of those. It is called for one portion at
// a time, so that no read transaction stays open during a walk.
type Lookup func(from, under index.Path, n int) ([]index.Sealed, error)

// WalkOptions are what a Walk needs. All but Arm, Hashers, Chunks, Apart and Progress must be set.
type WalkOptions struct {
	Files  vfs.Files
	Facts  Facts
	Lookup Lookup
	Get    func(index.Path) (*index.Record, error) // nil, nil if there is none
	Under  index.Path                              // the subtree, itself included; Root: everything
	// Arm is called before a directory is listed, which goes on if it fails;
	// the error is a Problem, so return nil for what was reported already.
	Arm func(dir index.Path) error
	// Hashers is how many files are read at a time; 0: as many as processors.
	Hashers int
	// Nice is how much the reading and hashing of a Walk gives way to other
	// programs, on the processor and at the disk: 0, not at all, to 19, as in nice(1).
	Nice int
	// Clock is that of the host whose kernel stamps the files; nil: time.Now.
	Clock func() time.Time
	// Chunks gets the chunks of large files that were edited; nil: nobody wants them.
	Chunks *chunk.Memory
	// Emit gets findings and problems in batches, from one goroutine at a time,
	// parents before children and all creations before all deletions.
	Emit func([]Finding, []Problem) error
	// Apart says that nobody hears of findings before the walk has ended: a batch is
	// emitted when it is full, and not for the time that has passed.
	Apart bool
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

// Walk compares the tree on disk with the index and emits the differences. It
// holds one portion of records, and the names of the directories that it is in.
//
// Deletions come last, when every creation was emitted: a first pass only
// remembers where something was missing, as one path for a whole subtree, and
// a second one looks again before it believes it.
//
// A file that is being written is a Problem with ErrBusy.
func Walk(ctx context.Context, o WalkOptions) (Summary, error) {
	nowhere := func(index.Stamp) (index.Hash, bool) { return index.Hash{}, false }
	var c *crew
	c = newCrew(ctx, &o, 100*time.Millisecond, waiting{
		settle:  blindSettle,
		busy:    func(p index.Path, _ bool) { c.problem(Problem{Path: p, Err: ErrBusy}) },
		overdue: func(index.Path) bool { return false },
		moved:   nowhere, untouched: nowhere,
		nice: o.Nice,
	})
	return c.run(func() error {
		var missing graves
		if err := c.walk(o.Under, &missing); err != nil {
			return err
		}
		c.barrier()
		return c.bury(&missing)
	})
}
