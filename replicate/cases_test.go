package replicate_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"duet/replicate"
	"duet/replicate/report"
	"duet/store"
	"duet/store/index"
)

// patience is how long to wait in vain for what mostly takes milliseconds. Who expects
// tests to fail, as integration/mutants does, has less of it.
var patience = func() time.Duration {
	if d, err := time.ParseDuration(os.Getenv("DUET_PATIENCE")); err == nil {
		return d
	}
	return 3 * time.Minute // of a busy machine, with the race detector: hundreds of files take one
}()

func TestRenameOfADirectoryIsMoves(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	for i := range 300 {
		p.a.write(fmt.Sprintf("d/sub%d/f%d", i%3, i), strings.Repeat(fmt.Sprint("content ", i), 10000))
	}
	p.start()
	p.settle()
	before := inodes(t, filepath.Join(p.b.root, "d"))
	if err := os.Rename(filepath.Join(p.a.root, "d"), filepath.Join(p.a.root, "e")); err != nil {
		t.Fatal(err)
	}
	p.until("rename", func() bool { _, err := os.Lstat(filepath.Join(p.b.root, "e/sub2/f299")); return err == nil })
	p.settle()
	after := inodes(t, filepath.Join(p.b.root, "e"))
	moved := 0
	for name, ino := range before {
		if after[name] == ino {
			moved++
		}
	}
	if moved != len(before) {
		t.Errorf("%d of %d files were moved", moved, len(before))
	}
	if st := p.b.share.Status(); st.KeptBytes != 0 {
		t.Errorf("%d bytes kept of a mere rename", st.KeptBytes)
	}
}

func inodes(t *testing.T, root string) map[string]uint64 {
	t.Helper()
	out := map[string]uint64{}
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		out[rel] = inode(info)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTypeSwaps(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.a.write("releases/7/index.php", "seven")
	p.a.write("current/index.php", "a directory")
	p.a.write("current/sub/deep", "x")
	p.start()
	p.settle()
	current := filepath.Join(p.a.root, "current")
	for range 3 {
		if err := os.Rename(current, current+".old"); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("releases/7", current); err != nil {
			t.Fatal(err)
		}
		p.a.remove("current.old")
		p.until("the symlink", func() bool { to, _ := os.Readlink(filepath.Join(p.b.root, "current")); return to == "releases/7" })
		p.settle()
		p.a.remove("current")
		p.a.write("current/index.php", "a directory again")
		p.a.write("current/sub/deep", "y")
		p.until("the directory", func() bool { return p.b.read("current/sub/deep") == "y" })
		p.settle()
	}
}

func TestDeleteOfADirectoryAgainstACreationInside(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.a.write("d/old", "1")
	p.a.write("d/sub/older", "2")
	p.start()
	p.settle()
	p.part()
	p.a.remove("d")
	p.b.write("d/new", "3")
	p.join()
	p.until("d/new", func() bool { return p.a.read("d/new") == "3" })
	p.settle()
	p.b.wantsNone("d/sub")
}

func TestMaxDelete(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(c *replicate.Config) { c.MaxDelete = "10" })
	p.a.many("f", 30)
	p.start()
	p.settle()
	p.part()
	for i := range 20 {
		p.a.remove(fmt.Sprint("f", i))
	}
	p.a.until("the deletes", func(st report.Status) bool { return st.Files == 10 })
	p.join()
	st := p.b.until("approval", isState(report.WaitingApproval))
	if st.Waiting == nil || st.Waiting.Deletes != 20 || st.Files != 30 {
		t.Fatalf("waiting: %+v, files %d", st.Waiting, st.Files)
	}
	p.a.write("another", "still goes through")
	p.until("another file", func() bool { return p.b.read("another") == "still goes through" })
	if err := p.b.share.Approve(context.Background(), st.Waiting.ID); err != nil {
		t.Fatal(err)
	}
	p.settle()
	if st := p.b.share.Status(); st.Files != 11 || st.Kept != 20 {
		t.Errorf("files %d, kept %d", st.Files, st.Kept)
	}
	p.a.remove("another") // what was approved does not count against later deletes
	p.b.goes("another")
}

func TestEmptiedRoot(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.a.write("d/x", "1")
	p.a.write("y", "2")
	p.start()
	p.settle()
	p.a.stop()
	p.cut()
	p.a.remove("d")
	p.a.remove("y")
	p.a.start()
	p.join()
	st := p.a.until("approval", isState(report.WaitingApproval))
	if !strings.Contains(st.Reason, "duet approve") {
		t.Errorf("reason: %q", st.Reason)
	}
	if p.b.read("y") != "2" {
		t.Error("y was deleted on the peer")
	}
	if err := p.a.share.Approve(context.Background(), ""); err != nil {
		t.Fatal(err)
	}
	p.settle()
	if got := list(t, p.b.root); got != "" {
		t.Errorf("b still has\n%s", got)
	}
}

func TestRootReplacedAndMissing(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.a.write("x", "1")
	p.start()
	p.settle()
	p.a.stop()
	p.cut()
	away := p.a.root + ".away"
	if err := os.Rename(p.a.root, away); err != nil {
		t.Fatal(err)
	}
	p.a.start()
	if st := p.a.until("halt", isState(report.RootMissing)); st.Reason == "" {
		t.Error("no reason")
	}
	p.a.stop()
	if err := os.Mkdir(p.a.root, 0o755); err != nil {
		t.Fatal(err)
	}
	p.a.start()
	p.a.until("halt", isState(report.RootReplaced))
	if p.b.read("x") != "1" {
		t.Error("x was deleted on the peer")
	}
	if err := os.Remove(p.a.root); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(away, p.a.root); err != nil {
		t.Fatal(err)
	}
	p.a.until("recovery", isState(report.Disconnected))
	p.join()
	p.settle()
}

func TestIndexLost(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	for i := range 20 {
		p.a.write(fmt.Sprint("f", i), fmt.Sprint("content ", i))
	}
	p.start()
	p.settle()
	p.a.stop()
	p.b.stop()
	if err := os.Remove(p.a.cfg.File); err != nil {
		t.Fatal(err)
	}
	p.a.remove("f0")            // nobody knows any more that it was deleted
	p.a.write("f1", "a's edit") // a conflict with what b has
	p.b.remove("f2")            // b knows, but a's new index claims it
	p.start()
	p.rejoin()
	if got := p.a.read("f0"); got != "content 0" {
		t.Errorf("f0: %q", got)
	}
	if got := p.b.read("f1"); got != "a's edit" {
		t.Errorf("f1: %q", got)
	}
	if got := p.b.read("f2"); got != "content 2" {
		t.Errorf("f2: %q", got)
	}
	if st := p.b.share.Status(); st.Kept != 1 {
		t.Errorf("b: %d kept", st.Kept)
	}
}

// rejoin joins again as long as a node hangs up to begin anew, then settles.
func (p *pair) rejoin() {
	p.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		ctx, cancel := context.WithCancel(context.Background())
		inSync := make(chan error, 1)
		go func() { inSync <- errors.Join(p.a.share.Flush(ctx), p.b.share.Flush(ctx)) }()
		select {
		case <-p.a.conn.Done():
		case <-p.b.conn.Done():
		case <-inSync:
			cancel()
			p.settle()
			return
		case <-time.After(patience):
		}
		cancel()
		<-inSync
		p.cut()
		time.Sleep(10 * time.Millisecond) // as who dials again does
		p.join()
	}
	p.t.Fatal("the nodes do not come together")
}

func TestRolledBack(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.a.write("x", "1")
	p.a.write("deleted later", "1")
	p.start()
	p.settle()
	old := filepath.Join(t.TempDir(), "old.db")
	f, err := os.Create(old)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.a.share.CopyTo(f); err != nil {
		t.Fatal(err)
	}
	f.Close()
	p.a.write("x", "2")
	p.a.write("new", "3")
	p.b.remove("deleted later")
	p.until("the changes", func() bool { return p.b.read("x") == "2" && p.b.read("new") == "3" })
	p.settle()
	p.a.stop()
	p.b.stop()
	copyFile(t, old, p.a.cfg.File)
	p.start()
	p.rejoin()
	for name, want := range map[string]string{"x": "2", "new": "3"} {
		if got := p.a.read(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	var epochs int
	p.a.share.View(func(tx *store.Tx) error {
		for e, err := range tx.Events(1) {
			if err == nil && e.What == index.Forgotten {
				epochs++
			}
		}
		return nil
	})
	t.Log("epochs begun:", epochs)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestConflictOnHold(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(c *replicate.Config) { c.Conflict = "hold" })
	p.a.write("x", "base")
	p.start()
	p.settle()
	p.part()
	p.a.write("x", "a's")
	p.b.write("x", "b's")
	p.join()
	for _, n := range []*node{p.a, p.b} {
		n.until("a held conflict", func(st report.Status) bool { return st.Held == 1 && st.State == report.Degraded })
	}
	if p.a.read("x") != "a's" || p.b.read("x") != "b's" {
		t.Error("a held conflict was touched")
	}
}

func TestToggling(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.a.write("f", "A")
	if err := os.Symlink("A", filepath.Join(p.a.root, "l")); err != nil {
		t.Fatal(err)
	}
	p.start()
	p.settle()
	for i := range 60 {
		to := "AB"[i%2 : i%2+1]
		p.a.write("f", to)
		tmp := filepath.Join(p.a.root, "l.tmp-link")
		if err := os.Symlink(to, tmp); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(tmp, filepath.Join(p.a.root, "l")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Millisecond)
	}
	p.settle()
	st := p.a.share.Status()
	if st.Conflicts != 0 {
		t.Errorf("%d conflicts", st.Conflicts)
	}
	time.Sleep(300 * time.Millisecond) // silence is the absence of an event: it can only be waited for
	if now := p.a.share.Status(); now.Head != st.Head || now.Heard != st.Heard {
		t.Errorf("still talking: %d/%d, then %d/%d", st.Head, st.Heard, now.Head, now.Heard)
	}
}

func TestRestore(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.a.write("d/x", "precious")
	p.start()
	p.settle()
	p.b.remove("d")
	p.a.goes("d")
	p.settle()
	var id uint64
	p.a.share.View(func(tx *store.Tx) error {
		for k, err := range tx.AllKept() {
			if err == nil && k.Path == "d/x" {
				id = k.ID
			}
		}
		return nil
	})
	if err := p.a.share.Restore(context.Background(), id, ""); err != nil {
		t.Fatal(err)
	}
	p.until("the restored file", func() bool { return p.b.read("d/x") == "precious" })
	p.settle()
}

func TestIgnoredHereIsLeftAlone(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.b.cfg.Ignore = []string{"*.cache"}
	p.a.write("x.cache", "a's")
	p.a.write("y", "1")
	p.b.write("x.cache", "b's own")
	p.start()
	p.until("y", func() bool { return p.b.read("y") == "1" })
	p.a.write("x.cache", "a's again")
	p.a.write("y", "2")
	p.until("y", func() bool { return p.b.read("y") == "2" })
	if got := p.b.read("x.cache"); got != "b's own" {
		t.Errorf("x.cache: %q", got)
	}
	p.a.remove("x.cache")
	p.a.write("y", "3")
	p.until("y", func() bool { return p.b.read("y") == "3" })
	if got := p.b.read("x.cache"); got != "b's own" {
		t.Errorf("x.cache: %q", got)
	}
}
