package scan

import (
	"context"
	"testing"

	"duet/scan/vfs"
	"duet/store/index"
)

// hesitant runs something before it says which directory the root is, which a
// walk asks between its two passes.
type hesitant struct {
	vfs.Files
	before func()
}

func (h hesitant) Identity() (index.Identity, error) {
	h.before()
	return h.Files.Identity()
}

// A path that was missing when its directory was listed, and is there again at
// the end of the walk, was not deleted: a program saved it by way of another
// name.
func TestWalkLooksTwice(t *testing.T) {
	w := newWorld(t, "a=a", "b=b", "d/", "d/c=c")
	w.settledScan()
	w.make("-a", "-b", "-d")
	asked := false
	r := &report{}
	o := w.options()
	r.into(&o)
	o.Files = hesitant{w.files, func() {
		asked = true
		w.make("a=a", "d/", "d/c=c")
	}}
	_, err := Walk(context.Background(), o)
	must(t, err)
	r.want(t, "deleted b")
	if !asked {
		t.Error("the root was not looked at between the passes")
	}
}
