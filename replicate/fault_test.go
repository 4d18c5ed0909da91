package replicate_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"duet/replicate"
	"duet/replicate/report"
	"duet/scan/vfs"
	"duet/store/index"
)

// faulty is a real tree with something wrong in it.
type faulty struct {
	*vfs.Tree
	shut    *atomic.Bool // the directory "bad" cannot be read
	strange *atomic.Bool // the root is another directory
}

func (f faulty) OpenDir(p index.Path) (vfs.Dir, error) {
	if p == "bad" && f.shut.Load() {
		return nil, fmt.Errorf("open directory bad: %w", syscall.EIO)
	}
	return f.Tree.OpenDir(p)
}

func (f faulty) Identity() (index.Identity, error) {
	id, err := f.Tree.Identity()
	if f.strange.Load() {
		id.Ino++
	}
	return id, err
}

func (n *node) faulty() (shut, strange *atomic.Bool) {
	shut, strange = &atomic.Bool{}, &atomic.Bool{}
	n.cfg.Doors.Files = func() (vfs.Files, error) {
		t, err := vfs.Open(n.root, vfs.Options{Name: n.cfg.Name})
		return faulty{t, shut, strange}, err
	}
	return shut, strange
}

// An error on one path stays on that path: it is shown, nothing is decided at
// and below it, the others go on, and when it is over it is over.
func TestErrorStaysOnItsPath(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	shut, _ := p.b.faulty()
	for _, name := range []string{"bad/x", "bad/y", "good/x", "good/y"} {
		p.a.write(name, "1")
	}
	p.start()
	p.settle()
	shut.Store(true)
	if err := p.b.share.Rescan(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.b.until("the problem", func(st report.Status) bool {
		return len(st.Problems) == 1 && st.Problems[0].Path == "bad" && st.State == report.Degraded
	})
	p.a.remove("bad/x")
	p.a.write("bad/y", "22")
	p.a.remove("good/x")
	p.a.write("good/y", "22")
	gone := func(name string) bool { _, err := os.Lstat(filepath.Join(p.b.root, name)); return os.IsNotExist(err) }
	p.until("the others", func() bool { return p.b.read("good/y") == "22" && gone("good/x") })
	p.a.write("good/z", "3")
	p.until("more", func() bool { return p.b.read("good/z") == "3" })
	if p.b.read("bad/y") != "1" || gone("bad/x") {
		t.Error("something was decided below a directory that cannot be read")
	}
	shut.Store(false)
	p.until("the end of the problem", func() bool { return p.b.read("bad/y") == "22" && gone("bad/x") })
	p.settle()
	if st := p.b.share.Status(); len(st.Problems) != 0 {
		t.Errorf("still a problem: %+v", st.Problems)
	}
}

// The root is looked at before every batch: nobody may wait for the next look
// of the clock's.
func TestRootReplacedWhileRunning(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	_, strange := p.b.faulty()
	p.a.write("x", "1")
	p.start()
	p.settle()
	strange.Store(true)
	p.a.write("y", "2")
	p.b.until("a halt", isState(report.RootReplaced))
	p.b.wantsNone("y")
}

// Deletes that come a few at a time are counted together.
func TestMaxDeleteInParts(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(c *replicate.Config) { c.MaxDelete = "10" })
	p.a.many("f", 30)
	p.start()
	p.settle()
	for i := range 8 {
		p.a.remove(fmt.Sprint("f", i))
	}
	p.settle()
	p.part() // so that these are heard at once
	for i := range 8 {
		p.a.remove(fmt.Sprint("f", 8+i))
	}
	p.a.until("the deletes", func(st report.Status) bool { return st.Files == 14 })
	p.join()
	st := p.b.until("approval", func(st report.Status) bool { return st.Waiting != nil && st.Waiting.Deletes == 8 })
	if st.Files != 22 {
		t.Errorf("%d files are left, want 22", st.Files)
	}
}

// What was in a directory that gives way to a symlink is deleted too.
func TestMaxDeleteByReplacedDirectory(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(c *replicate.Config) { c.MaxDelete = "10" })
	p.a.many("d/f", 30)
	p.start()
	p.settle()
	p.part() // so that all of it is heard at once
	p.a.remove("d")
	if err := os.Symlink("elsewhere", filepath.Join(p.a.root, "d")); err != nil {
		t.Fatal(err)
	}
	p.a.until("the deletes", func(st report.Status) bool { return st.Files == 0 && st.Links == 1 })
	p.join()
	p.b.until("approval", func(st report.Status) bool { return st.Waiting != nil && st.Waiting.Deletes >= 30 })
	p.a.write("more", "news")
	p.until("more", func() bool { return p.b.read("more") == "news" })
	if st := p.b.share.Status(); p.b.read("d/f29") != "x" || st.Kept != 0 {
		t.Errorf("d/f29: %s, %d kept", p.b.read("d/f29"), st.Kept)
	}
	if err := p.b.share.Approve(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	p.settle()
}
