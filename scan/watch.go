package scan

import (
	"errors"

	"duet/store/index"
)

// Event says that something happened at a path; Examine finds out what.
type Event struct {
	Path      index.Path // Root: the root itself was changed, moved or removed
	Dir       bool       // known to be, or to have been, a directory; false says nothing
	Recursive bool       // something appeared here: if it is a directory, all of it is new
	Overflow  bool       // events were lost: everything may have changed
}

// Watcher says where to look again.
type Watcher interface {
	// Arm watches the names in dir; call it before listing them. Arming twice
	// is harmless.
	Arm(dir index.Path) error
	// Disarm stops watching dir and every directory below it.
	Disarm(dir index.Path)
	// Events is closed by Close. Events of one path may arrive as one.
	Events() <-chan Event
	Close() error
}

// Watch returns a Watcher of the tree at root, with nothing armed yet.
func Watch(root string, ignore *Rules) (Watcher, error) { return nil, errors.ErrUnsupported }
