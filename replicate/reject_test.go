package replicate_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duet/replicate"
	"duet/replicate/report"
)

// What a person rejects is not deleted, and comes back where it was, with
// directories, modes and times; also if the node stops in the middle of it, and
// whatever was deleted since is asked about anew.
func TestReject(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(c *replicate.Config) { c.MaxDelete = "100" })
	p.a.write("stays", "here")
	for i := range 620 { // more than one commit keeps alive
		p.a.write(fmt.Sprintf("site/d%02d/f%d", i%20, i), fmt.Sprint("content ", i))
	}
	if err := os.Chmod(filepath.Join(p.a.root, "site/d01"), 0o750); err != nil {
		t.Fatal(err)
	}
	p.start()
	p.settle()
	before := list(t, p.a.root)
	// All at once, so that nothing goes before there is too much of it.
	if err := os.Rename(filepath.Join(p.a.root, "site"), filepath.Join(t.TempDir(), "site")); err != nil {
		t.Fatal(err)
	}
	st := p.b.until("approval", func(st report.Status) bool { return st.Waiting != nil && st.Waiting.Deletes == 641 })
	if !strings.Contains(st.Reason, "duet reject s") {
		t.Errorf("reason: %s", st.Reason)
	}
	if err := p.b.share.Reject(context.Background(), "nonsense"); err == nil || !strings.Contains(err.Error(), st.Waiting.ID) {
		t.Errorf("of something else: %v", err)
	}
	if err := p.b.share.Reject(context.Background(), st.Waiting.ID); err != nil {
		t.Fatal(err)
	}
	p.b.stop() // most probably in the middle
	p.b.start()
	p.join()
	p.until("all of it again", func() bool { return list(t, p.a.root) == before })
	p.settle()
	if got := list(t, p.b.root); got != before {
		t.Error("b lost something")
	}
	if kept := p.b.kept(); len(kept) > 0 {
		t.Errorf("b displaced %d things", len(kept))
	}
	if err := p.b.share.Reject(context.Background(), ""); err == nil {
		t.Error("nothing waits, and was rejected")
	}
	p.a.remove("site/d02")
	p.b.goes("site/d02")
	if err := os.Rename(filepath.Join(p.a.root, "site"), filepath.Join(t.TempDir(), "site")); err != nil {
		t.Fatal(err)
	}
	p.b.until("approval", func(st report.Status) bool { return st.Waiting != nil && st.Waiting.Deletes > 500 })
	if err := p.b.share.Approve(context.Background(), ""); err != nil {
		t.Fatal(err)
	}
	p.b.goes("site")
	p.settle()
}

// A root that was found empty is filled again from the peer, and nothing counts
// as deleted on either side.
func TestRejectEmptied(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	for i := range 300 {
		p.a.write(fmt.Sprintf("d%d/f%d", i%7, i), fmt.Sprint("content ", i))
	}
	p.start()
	p.settle()
	p.part()
	p.b.stop()
	entries, err := os.ReadDir(p.b.root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		p.b.remove(e.Name())
	}
	p.a.write("new", "while b was away")
	p.b.start()
	st := p.b.until("approval", func(st report.Status) bool { return st.Waiting != nil })
	if st.Waiting.ID != report.EmptiedID || st.Waiting.Deletes != 307 || !strings.Contains(st.Reason, "duet reject s") {
		t.Errorf("waiting %+v: %s", st.Waiting, st.Reason)
	}
	if err := p.b.share.Reject(context.Background(), "nonsense"); err == nil {
		t.Error("something else was rejected")
	}
	if err := p.b.share.Reject(context.Background(), ""); err != nil {
		t.Fatal(err)
	}
	p.join() // a learns that b begins anew
	p.a.until("the end of that", func(st report.Status) bool { return !st.Connected && strings.Contains(st.LastError, "new one") })
	p.b.until("the end of that", func(st report.Status) bool { return !st.Connected })
	p.join()
	p.until("all of it again", func() bool { return list(t, p.b.root) == list(t, p.a.root) && p.b.read("new") == "while b was away" })
	p.settle()
	if st := p.a.share.Status(); st.Files != 301 || len(p.a.kept()) > 0 {
		t.Errorf("a has %d files and displaced %d", st.Files, len(p.a.kept()))
	}
}
