package rounds

import (
	"time"

	"duet/replicate/install"
	"duet/store/index"
)

// What has to be removed mostly comes with contents, and a batch of its own is two
// commits and two rounds of syncs more. Where these contents are all that is to do
// and soon here, the removals go with them: package install does them last, after
// everything else of the batch.

// Bounds of that. The decision to remove something is to be as fresh as if it had
// been made by itself: contents that take long go alone.
const (
	joinBytes  = bigFile
	joinWithin = time.Second
)

// joins reports whether removals may go with b: once it is done there is nothing
// that would have to come before them, and nothing of what they are is taken for
// something else.
func (r *Rounds) joins(b *Batch) bool {
	if r.batches > 0 || b.Ahead || b.yields || b.bytes+b.along > joinBytes || len(b.Jobs) == 0 {
		return false
	}
	for i := range b.Jobs {
		if b.Jobs[i].From != index.Root {
			return false // a directory may be moved with all that is in it
		}
	}
	return true
}

// join lets what is to be removed go with b.
func (r *Rounds) join(b *Batch, m Moment) error {
	also, err := r.pickRemovals(m, b)
	if err != nil || also == nil {
		return err
	}
	b.Jobs = append(b.Jobs, also.Jobs...)
	b.approved = also.approved
	b.removals = also.removals
	return nil
}

// Ready is told when b is staged. The removals in it go by themselves, later, if
// a content has failed that they were to come after, or took its time.
func (r *Rounds) Ready(b *Batch, now time.Time) {
	n := len(b.Jobs) - len(b.removals)
	if n == 0 || len(b.Failed) == 0 && now.Sub(b.launched) < joinWithin {
		return
	}
	for i := range b.Jobs[n:] {
		delete(r.flying, b.Jobs[n+i].Path)
	}
	b.Jobs, b.removals = b.Jobs[:n:n], nil
}

// takes returns the paths of jobs.
func takes(jobs []install.Job) map[index.Path]bool {
	out := make(map[index.Path]bool, len(jobs))
	for i := range jobs {
		out[jobs[i].Path] = true
	}
	return out
}
