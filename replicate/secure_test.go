package replicate_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// gated is a real tree that takes note of what is put on stable storage.
type gated struct {
	*vfs.Tree
	*gate
}

type gate struct {
	mu     sync.Mutex
	before func([]vfs.Seen)       // called before anything is synced
	fail   map[index.Path][]error // what the next syncs of a path say
	synced map[index.Path][]index.Stamp
}

func (g gated) SyncSeen(seen []vfs.Seen) []error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.before(seen)
	errs := g.Tree.SyncSeen(seen)
	for i, x := range seen {
		if next := g.fail[x.Path]; len(next) > 0 {
			errs[i], g.fail[x.Path] = next[0], next[1:]
		}
		if errs[i] == nil {
			g.synced[x.Path] = append(g.synced[x.Path], x.Stamp)
		}
	}
	return errs
}

func (n *node) gate() *gate {
	g := &gate{fail: map[index.Path][]error{}, synced: map[index.Path][]index.Stamp{}, before: func([]vfs.Seen) {}}
	n.cfg.Doors.Files = func() (vfs.Files, error) {
		t, err := vfs.Open(n.root, vfs.Options{Name: n.cfg.Name})
		return gated{t, g}, err
	}
	return g
}

// TestOwnEditsAreSynced: whatever a user did is on stable storage before the
// index says so, and so before the peer is told.
func TestOwnEditsAreSynced(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	g := p.a.gate()
	g.before = func(seen []vfs.Seen) {
		for _, x := range seen {
			r, err := p.a.peek(x.Path)
			if err != nil {
				t.Error(err)
			}
			if gone := x.Stamp == (index.Stamp{}); gone && !r.Ours.Live() || !gone && r != nil && r.Stamp == x.Stamp {
				t.Errorf("%v was in the index before it was synced", x.Path)
			}
		}
	}
	at := func(name string) string { return filepath.Join(p.a.root, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check := func(live, gone []index.Path) {
		t.Helper()
		p.settle()
		g.mu.Lock()
		defer g.mu.Unlock()
		synced := func(path index.Path, want index.Stamp) {
			t.Helper()
			all := g.synced[path]
			if len(all) == 0 || all[len(all)-1] != want {
				t.Errorf("%v was not synced as %+v, but as %+v", path, want, all)
			}
		}
		for _, path := range live {
			synced(path, p.a.record(path).Stamp)
		}
		for _, path := range gone {
			synced(path, index.Stamp{})
		}
	}
	p.a.write("f", "one")
	p.a.write("d/x", "x")
	p.a.write("e/y", "y")
	p.a.write("same", "bytes")
	must(os.Symlink("f", at("l")))
	p.start()
	check([]index.Path{"f", "d", "d/x", "e", "e/y", "same", "l"}, nil)

	p.a.write("f", "two")
	must(os.Chmod(at("d/x"), 0o600))
	must(os.Chmod(at("d"), 0o700))
	must(os.RemoveAll(at("e")))
	must(os.Remove(at("l")))
	check([]index.Path{"f", "d", "d/x"}, []index.Path{"e", "e/y", "l"})

	must(os.Rename(at("d"), at("c")))
	info, err := os.Stat(at("same"))
	must(err)
	p.a.write(".new", "bytes")
	must(os.Chtimes(at(".new"), time.Time{}, info.ModTime()))
	must(os.Rename(at(".new"), at("same")))
	now, err := os.Stat(at("same"))
	must(err)
	p.until("the new stamp of same", func() bool {
		return p.a.record("same").Stamp.Ino == now.Sys().(*syscall.Stat_t).Ino
	})
	check([]index.Path{"c", "c/x", "same"}, []index.Path{"d", "d/x"})
}

// peek is record, for other goroutines.
func (n *node) peek(p index.Path) (r *index.Record, err error) {
	err = n.share.View(func(tx *store.Tx) (err error) {
		r, err = tx.Get(p)
		return err
	})
	return r, err
}

// TestSyncError: what cannot be put on stable storage is not announced, shown,
// and tried again, and keeps nothing else from being announced.
func TestSyncError(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	g := p.a.gate()
	p.start()
	p.settle()
	g.mu.Lock()
	for range 3 {
		g.fail["bad"] = append(g.fail["bad"], fmt.Errorf("sync bad: %w", syscall.EIO))
	}
	g.mu.Unlock()
	p.a.write("bad", "content")
	p.a.write("good", "content")
	p.until("the problem", func() bool {
		ps := p.a.share.Status().Problems
		if r := p.a.record("bad"); r != nil && len(ps) > 0 {
			t.Error("it is in the index")
		}
		return len(ps) == 1 && ps[0].Path == "bad"
	})
	p.until("the other file", func() bool { return p.b.read("good") == "content" })
	p.until("the end of the problem", func() bool { return p.b.read("bad") == "content" })
	p.settle()
	if ps := p.a.share.Status().Problems; len(ps) > 0 {
		t.Errorf("problems %+v", ps)
	}
}

// TestReplacedBeforeSync: what is not there any more when it is to be synced is
// not announced as it was seen.
func TestReplacedBeforeSync(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	g := p.a.gate()
	once := false
	g.before = func(seen []vfs.Seen) {
		for _, x := range seen {
			if x.Path != "f" || once {
				continue
			}
			once = true
			p.a.write("new", "second")
			if err := os.Rename(filepath.Join(p.a.root, "new"), filepath.Join(p.a.root, "f")); err != nil {
				t.Error(err)
			}
			if err := os.Remove(filepath.Join(p.a.root, "g")); err != nil {
				t.Error(err)
			}
		}
	}
	p.a.write("f", "first")
	p.a.write("g", "gone in a moment")
	p.start()
	p.settle()
	if got := p.b.read("f"); got != "second" || !once {
		t.Errorf("b has %q", got)
	}
	p.a.view(func(tx *store.Tx) error {
		for e, err := range tx.Events(0) {
			if err != nil {
				return err
			}
			if e.Path == "g" || e.Path == "f" && e.Entry.Size != int64(len("second")) {
				t.Errorf("journalled: %v %v %+v", e.Path, e.What, e.Entry)
			}
		}
		return nil
	})
}
