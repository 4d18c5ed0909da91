package sim

import (
	"fmt"
	"slices"
	"strings"

	"duet/integration/sim/memfs"
)

// ledger accounts for every content that a user ever wrote: at the end each is
// in the tree, or was overwritten or deleted by a user who had it in front of
// him, or is kept on one of the nodes.
type ledger struct {
	w     *World
	wrote map[string]string // content -> who wrote it where
	order []string
	ended map[string]bool // a user ended it
}

func newLedger(w *World) *ledger {
	return &ledger{w: w, wrote: map[string]string{}, ended: map[string]bool{}}
}

// worth is what of a thing must not be lost; "" if it is nothing.
func worth(x memfs.Thing) string {
	switch {
	case x.Link():
		return "link to " + x.Target
	case x.File() && x.Data != "":
		return x.Data
	}
	return ""
}

// add takes note of what a user wrote.
func (l *ledger) add(n *node, path, content string) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	if l.wrote[content] == "" {
		l.order = append(l.order, content)
		l.wrote[content] = n.name + " at " + path
	}
	delete(l.ended, content)
}

// end takes note that a user is about to overwrite or delete what is at and
// below a path.
func (l *ledger) end(n *node, path string) {
	for _, x := range n.disk.Tree() {
		if x.Path == path || strings.HasPrefix(x.Path, path+"/") {
			l.w.mu.Lock()
			l.ended[worth(x)] = true
			l.w.mu.Unlock()
		}
	}
}

// replaced takes note that a user has written over a content that was in the
// file he has open, whatever became of its name.
func (l *ledger) replaced(n *node, path, content string) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	l.ended[content] = true
}

// settle closes the books.
func (l *ledger) settle() {
	have := map[string]bool{}
	for _, n := range []*node{l.w.a, l.w.b} {
		for _, x := range slices.Concat(n.disk.Tree(), n.disk.Area("kept")) {
			have[worth(x)] = true
		}
	}
	for _, c := range l.order {
		if !have[c] && !l.ended[c] {
			l.w.fault("lost: %s, written on %s", short(c), l.wrote[c])
		}
	}
}

func short(c string) string {
	if len(c) > 40 {
		return fmt.Sprintf("%q… (%d bytes)", c[:40], len(c))
	}
	return fmt.Sprintf("%q", c)
}
