// Package recovery
package recovery

import (
	"context"

	"duet/recovery/landing"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// Report is what Replay did.
type Report struct {
	Intents  int          // found
	Finished int          // had been done, and were written down
	Undone   int          // had not been done, or were put back
	Found    int          // things in the holding area that nothing explained, now kept versions
	Removed  int          // leftovers of the stage
	Parts    int          // interrupted transfers that can be resumed
	Examine  []index.Path // paths where the tree is not what the index says
}

// Replay settles what a crash left.
func Replay(ctx context.Context, st *store.Store, files vfs.Files, env landing.Env) (Report, error) {
	panic("todo")
}
