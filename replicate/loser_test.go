package replicate_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"duet/replicate/report"
	"duet/store"
	"duet/store/index"
)

// b wins a conflict and deletes the file before a has put b's in its place: so
// a hears of a delete by somebody who had beaten what a has. The delete
// stands, and a's file is kept as the loser.
func TestLoserIsDeletedBeforeItIsReplaced(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.a.write("x", "base")
	p.start()
	p.settle()
	p.cut()
	for _, n := range []*node{p.a, p.b} {
		n.until("the cut", func(st report.Status) bool { return !st.Connected })
	}
	if err := p.a.share.Pause(context.Background()); err != nil {
		t.Fatal(err)
	}
	p.a.write("x", "a's")
	later := time.Now().Add(time.Hour)
	p.b.write("x", "b's, newer")
	if err := os.Chtimes(filepath.Join(p.b.root, "x"), later, later); err != nil {
		t.Fatal(err)
	}
	for _, n := range []*node{p.a, p.b} {
		n.until("its own edit", func(st report.Status) bool { return st.PendingOut == 1 && st.Dirty == 0 })
	}
	p.join()
	p.b.until("winning", func(st report.Status) bool { return st.Conflicts == 1 })
	p.b.remove("x")
	p.a.until("hearing of the delete", func(report.Status) bool {
		var heard bool
		_ = p.a.share.View(func(tx *store.Tx) error {
			r, err := tx.Get("x")
			heard = err == nil && r != nil && r.Theirs != nil && r.Theirs.Kind == index.Gone
			return err
		})
		return heard
	})
	if err := p.a.share.Resume(context.Background()); err != nil {
		t.Fatal(err)
	}
	p.a.goes("x")
	p.settle()
	var reasons []index.Reason
	_ = p.a.share.View(func(tx *store.Tx) error {
		for k, err := range tx.AllKept() {
			if err == nil && k.Path == "x" {
				reasons = append(reasons, k.Reason)
			}
		}
		return nil
	})
	if len(reasons) != 1 || reasons[0] != index.LostConflict {
		t.Errorf("kept on a for the reasons %v, want one lost conflict", reasons)
	}
}
