package scan

import (
	"context"
	"errors"
	"time"
)

// ExamineOptions are those of a Walk (Under is not used), and how long to wait
// for files that are being written.
type ExamineOptions struct {
	WalkOptions
	Now       func() time.Time // nil: time.Now
	Settle    time.Duration    // how long a file must have been left alone, where open writers cannot be told
	MaxSettle time.Duration    // after this, a file that is still being written is copied and reported as it is
}

// Examine looks at the given paths, as a watcher marked them, and emits what
// differs from the index: parents before children, creations before deletions.
// It returns those that must be looked at again, when DirtySet.Put says so.
// Several may run at a time, best on different paths: a Finding says what it
// was compared with.
func Examine(ctx context.Context, o ExamineOptions, paths []Dirty) (again []Dirty, err error) {
	return nil, errors.ErrUnsupported
}
