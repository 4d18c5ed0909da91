// Package install
package install

import (
	"context"

	"duet/scan/vfs"
	"duet/store"
)

// Batch does jobs, in an order of its own, and returns one outcome for each,
// in the order of jobs. An error means that something is not settled: intents
// are left in the index, and recovery.Replay must run before the next Batch.
func Batch(ctx context.Context, st *store.Store, files vfs.Files, env Env, jobs []Job) ([]Outcome, error) {
	panic("todo")
}
