package scan

import (
	"errors"
	"fmt"

	"duet/store/index"
)

// ErrBusy means that a file is being written: it is to be examined again soon,
// and is nothing to tell a person.
var ErrBusy = errors.New("is being written")

// ErrRootChanged means that the share's root was not, or not any more, the
// directory that was opened, when deletions were about to be reported. None was.
var ErrRootChanged = errors.New("the root is not the directory that it was")

// Problem is a path of which nothing can be said now. No tombstone is ever
// reported for it.
type Problem struct {
	Path    index.Path
	Err     error
	Subtree bool // nor for anything below it
	Skipped bool // a FIFO, socket, device or mount point: left out by design, not a failure
}

func (p Problem) String() string { return fmt.Sprintf("%v: %v", p.Path, p.Err) }
