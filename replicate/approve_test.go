package replicate_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"duet/replicate"
	"duet/replicate/report"
	"duet/replicate/wire"
	"duet/store/index"
)

// An approval is for the deletes that waited, and outlives whatever else is
// heard before they are done: on a busy share there is always something.
func TestApprovalOutlivesOtherNews(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(c *replicate.Config) { c.MaxDelete = "10" })
	p.a.many("f", 30)
	p.start()
	p.settle()
	var gone []string
	for i := range 20 {
		gone = append(gone, fmt.Sprint("f", i))
	}
	p.removeApart(gone...)
	p.a.until("all deletes", func(st report.Status) bool { return st.Files == 10 && st.Acked == st.Head })
	p.b.until("approval", func(st report.Status) bool { return st.Waiting != nil })
	if err := p.b.share.Pause(context.Background()); err != nil { // so that nothing is done before the news
		t.Fatal(err)
	}
	if err := p.b.share.Approve(context.Background(), ""); err != nil {
		t.Fatal(err)
	}
	heard := p.b.share.Status().Heard
	p.a.write("news", "something else")
	p.b.until("news", func(st report.Status) bool { return st.Heard > heard })
	if err := p.b.share.Resume(context.Background()); err != nil {
		t.Fatal(err)
	}
	p.settle()
	if st := p.b.share.Status(); st.Files != 11 {
		t.Errorf("%d files are left, want 11", st.Files)
	}
}

// An approval is for what was shown, also if the peer goes on deleting while a
// person looks: it cannot slip something in.
func TestApprovalIsForWhatWasShown(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(c *replicate.Config) { c.MaxDelete = "10" })
	for i := range 40 {
		p.a.write(fmt.Sprintf("f%02d", i), "x")
	}
	pp := p.puppetOf(nil)
	p.a.until("meeting", connected)
	pos := index.Seq(0)
	gone := func(from, to int, head index.Seq) {
		var all []wire.Change
		for i := from; i < to; i++ {
			pos++
			e := goneAt(pos)
			name := index.Path(fmt.Sprintf("f%02d", i))
			e.Version = p.a.record(name).Ours.Version.With(puppetEpoch, pos)
			all = append(all, wire.Change{Pos: pos, Path: name, Entry: e})
		}
		pp.say(&wire.Changes{Changes: all, Through: pos, Head: max(pos, head), Run: 1})
		p.a.until("what the peer said", func(st report.Status) bool { return st.Heard == uint64(pos) })
	}
	pp.say(&wire.Changes{Changes: []wire.Change{fileAt(1000, "ready", "")}, Through: 1000, Head: 1000, Run: 1})
	pos = 1000
	gone(0, 20, 0)
	st := p.a.until("approval", func(st report.Status) bool { return st.Waiting != nil && st.Waiting.Deletes == 20 })
	gone(20, 35, 100_000) // as long as there is more to hear, nobody counts
	if err := p.a.share.Approve(context.Background(), st.Waiting.ID); err != nil {
		t.Fatal(err)
	}
	pos = 100_000
	pp.say(&wire.Changes{Through: pos, Head: pos, Run: 1})
	p.a.until("approval of the others", func(st report.Status) bool { return st.Waiting != nil && st.Waiting.Deletes == 15 })
	p.a.until("what was approved", func(st report.Status) bool { return st.Files == 40-20+1 })
	if st := p.a.share.Status(); st.Waiting == nil {
		t.Error("the others do not wait any more")
	}
}

// What was ignored while a person approved was not shown: when the peer takes
// its rule back, it has to be.
func TestApprovalIsNotForWhatWasIgnored(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(c *replicate.Config) { c.MaxDelete = "10" })
	for i := range 40 {
		p.a.write(fmt.Sprintf("f%02d", i), "x")
	}
	pp := p.puppetOf(func(m *wire.Hello) { m.Ignore = []string{"/f0*", "/f1*"} })
	p.a.until("meeting", connected)
	var all []wire.Change
	for i := range 40 {
		pos := index.Seq(1000 + i)
		name := index.Path(fmt.Sprintf("f%02d", i))
		e := goneAt(pos)
		e.Version = p.a.record(name).Ours.Version.With(puppetEpoch, pos)
		all = append(all, wire.Change{Pos: pos, Path: name, Entry: e})
	}
	pp.say(changes(all...))
	st := p.a.until("approval", func(st report.Status) bool { return st.Waiting != nil && st.Waiting.Deletes == 20 })
	if err := p.a.share.Approve(context.Background(), st.Waiting.ID); err != nil {
		t.Fatal(err)
	}
	p.a.until("what was approved", func(st report.Status) bool { return st.Files == 20 })
	m := p.a.meta()
	pp.conn.Close()
	p.a.until("the end of the session", func(st report.Status) bool { return !st.Connected })
	p.puppetAgain(func(h *wire.Hello) { h.Head, h.HeardEpoch = 1039, m.Epoch })
	p.a.until("approval of the others", func(st report.Status) bool { return st.Waiting != nil && st.Waiting.Deletes == 20 })
	if st := p.a.share.Status(); st.Files != 20 {
		t.Errorf("%d files are left, want 20", st.Files)
	}
}

// A directory that was deleted there and in which something new is here cannot
// go, whatever a person will say of the deletes that wait: it stays at once, and
// the peer gets what is new in it.
func TestDirectoryStaysWhileDeletesWait(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(c *replicate.Config) { c.MaxDelete = "0" })
	p.a.write("e/old", "old")
	p.start()
	p.settle()
	p.part()
	p.a.remove("e")
	p.b.write("e/new", "new")
	p.noticed()
	p.join()
	p.has("e/new", "new", "new")
	st := p.b.until("the delete to wait", func(st report.Status) bool { return st.Waiting != nil && st.Waiting.Deletes == 1 })
	if p.b.read("e/old") != "old" {
		t.Errorf("deleted without approval: %+v", st.Waiting)
	}
	if err := p.b.share.Approve(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	p.settle()
	p.has("e/new", "new", "new")
	if _, err := os.Lstat(filepath.Join(p.b.root, "e/old")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("approved, and is still there: %v", err)
	}
}
