package diff

import (
	"fmt"

	"duet/store/index"
)

// Class is what one side did to a path since both last agreed.
type Class uint8

// What one side can have done.
const (
	Unchanged Class = iota
	Created         // nothing was there
	Changed         // other content, target or kind
	Touched         // metadata only
	Deleted
)

func (c Class) String() string {
	names := [...]string{"unchanged", "created", "changed", "touched", "deleted"}
	if int(c) >= len(names) {
		return fmt.Sprintf("class(%d)", uint8(c))
	}
	return names[c]
}

// Since classifies, for reports, what led from base, on which both agreed, to
// now, the state of one side. It never influences a verdict.
func Since(base, now *index.Entry) Class {
	switch {
	case !base.Live() && !now.Live():
		return Unchanged
	case !base.Live():
		return Created
	case now == nil:
		return Unchanged // never heard: nothing can be said
	case !now.Live():
		return Deleted
	case !index.SameContent(base, now):
		return Changed
	case !index.Same(base, now):
		return Touched
	default:
		return Unchanged
	}
}
