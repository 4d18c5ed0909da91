package replicate_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"duet/replicate/report"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// halfway is a real tree in which the first thing that comes out of a swap
// cannot be kept, and that is found out only after somebody has looked at what
// is in its place for that instant.
type halfway struct {
	*vfs.Tree
	*half
}

type half struct {
	armed  atomic.Bool
	seen   chan struct{} // somebody has looked
	inside atomic.Bool
}

func (h halfway) RenameHeld(from, to vfs.Held) error {
	if to.Area == vfs.Kept && strings.HasPrefix(from.Name, "out-") && h.armed.CompareAndSwap(true, false) {
		h.inside.Store(true)
		select {
		case <-h.seen:
		case <-time.After(patience):
		}
		h.inside.Store(false)
		return fmt.Errorf("keep it: %w", syscall.EACCES)
	}
	return h.Tree.RenameHeld(from, to)
}

// SyncSeen comes when the look is over, and just before it is committed.
func (h halfway) SyncSeen(seen []vfs.Seen) []error {
	errs := h.Tree.SyncSeen(seen)
	if h.inside.Load() {
		select {
		case h.seen <- struct{}{}:
		default:
		}
	}
	return errs
}

// An install that is undone was no edit of anybody's here, even if somebody
// looked at the tree in that instant. Else what the peer saved would come back
// as this node's edit, and what was there before as the next, newer one.
func TestUndoneInstallIsNoEdit(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	h := &half{seen: make(chan struct{}, 1)}
	p.b.cfg.Doors.Files = func() (vfs.Files, error) {
		tree, err := vfs.Open(p.b.root, vfs.Options{Name: p.b.cfg.Name})
		return halfway{tree, h}, err
	}
	p.a.write("f", "old")
	p.start()
	p.settle()
	h.armed.Store(true)
	p.a.write("f", "new")
	p.until("half an install", h.inside.Load)
	// What the kernel reports of it waits until it is over. A scan does not.
	if err := p.b.share.Rescan(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.until("the newer save, or an older one", func() bool {
		now := p.b.read("f")
		return !h.armed.Load() && !h.inside.Load() && (now == "new" || p.a.read("f") == "old")
	})
	p.settle()
	if a, b := p.a.read("f"), p.b.read("f"); a != "new" || b != "new" {
		t.Errorf("f is %q and %q", a, b)
	}
	err := p.b.share.View(func(tx *store.Tx) error {
		for e, err := range tx.Events(0) {
			if err != nil {
				return err
			}
			if e.Path == "f" && (e.How == index.ByWatch || e.How == index.ByRescan) {
				t.Errorf("b's journal has an edit of its own: %v %v by %v", e.Path, e.What, e.Node)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if st := p.b.share.Status(); st.State != report.Watching {
		t.Errorf("b is %v", st.State)
	}
}
