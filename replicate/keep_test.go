package replicate_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"duet/replicate"
	"duet/replicate/expiry"
	"duet/replicate/report"
	"duet/store"
	"duet/store/index"
)

// kept lists what a node keeps.
func (n *node) kept() (out []index.Kept) {
	n.t.Helper()
	if err := n.share.View(func(tx *store.Tx) error {
		for k, err := range tx.AllKept() {
			if err != nil {
				return err
			}
			out = append(out, k)
		}
		return nil
	}); err != nil {
		n.t.Fatal(err)
	}
	return out
}

// heldFiles counts what lies in a node's holding area.
func (n *node) heldFiles() int {
	n.t.Helper()
	entries, err := os.ReadDir(filepath.Join(n.share.Status().Holding, "kept"))
	if err != nil {
		n.t.Fatal(err)
	}
	return len(entries)
}

// overwrite has a write a file so many times over, each of which b keeps.
func (p *pair) overwrite(name string, times int) {
	p.t.Helper()
	for i := range times + 1 {
		text := fmt.Sprint("version ", i)
		p.a.write(name, text)
		p.until(text, func() bool { return p.b.read(name) == text })
	}
	p.settle()
}

// Only the newest versions of a path are kept, by itself, and the nodes are in
// sync afterwards.
func TestHousekeeping(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(c *replicate.Config) {
		c.Keep, c.Housekeeping = expiry.Limits{Versions: 3}, 20*time.Millisecond
	})
	p.start()
	p.overwrite("page", 8)
	p.b.until("housekeeping", func(st report.Status) bool { return st.Kept == 3 })
	p.settle()
	var left []string
	for _, k := range p.b.kept() {
		b, err := os.ReadFile(filepath.Join(p.b.share.Status().Holding, "kept", k.Held))
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, string(b))
	}
	if want := []string{"version 5", "version 6", "version 7"}; !slices.Equal(left, want) || p.b.heldFiles() != 3 {
		t.Errorf("%q are left, and %d files; want %q", left, p.b.heldFiles(), want)
	}
}

// A person who holds things up to look into something loses nothing meanwhile.
func TestNoHousekeepingWhilePaused(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(c *replicate.Config) {
		c.Keep, c.Housekeeping = expiry.Limits{Versions: 1}, time.Hour
	})
	p.start()
	p.overwrite("page", 3)
	if err := p.b.share.Pause(context.Background()); err != nil {
		t.Fatal(err)
	}
	p.b.stop()
	p.cut()
	p.b.cfg.Housekeeping = time.Millisecond
	p.b.start()
	p.b.until("paused", isState(report.Paused))
	time.Sleep(50 * time.Millisecond) // that nothing happens can only be waited for
	if n := len(p.b.kept()); n != 3 {
		t.Errorf("%d versions are left", n)
	}
	if err := p.b.share.Resume(context.Background()); err != nil {
		t.Fatal(err)
	}
	p.b.until("housekeeping", func(st report.Status) bool { return st.Kept == 1 })
}

func TestPrune(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.start()
	p.overwrite("d/page", 4)
	p.overwrite("other", 2)
	ctx := context.Background()
	old := &expiry.Limits{Age: 1}
	inside := func(k *index.Kept) bool { return k.Path.Under("d") }
	if r, err := p.b.share.Prune(ctx, expiry.Order{}); err != nil || r.Versions != 0 {
		t.Errorf("without limits: %+v, %v", r, err)
	}
	r, err := p.b.share.Prune(ctx, expiry.Order{Limits: old, Match: inside, DryRun: true})
	if err != nil || r.Versions != 4 || len(p.b.kept()) != 6 {
		t.Errorf("dry run: %+v, %v", r, err)
	}
	r, err = p.b.share.Prune(ctx, expiry.Order{Limits: old, Match: inside})
	if err != nil || r.Versions != 4 || r.Bytes != 4*int64(len("version 0")) || r.Items[0].Path != "d/page" {
		t.Errorf("pruned %+v, %v", r, err)
	}
	if n := len(p.b.kept()); n != 2 || p.b.heldFiles() != 2 {
		t.Errorf("%d versions, %d files are left", n, p.b.heldFiles())
	}
	var notes int
	_ = p.b.share.View(func(tx *store.Tx) error {
		for e, err := range tx.Events(1) {
			if err == nil && e.What == index.Pruned && e.How == index.ByUser && strings.HasPrefix(e.Note, "kept version") {
				notes++
			}
		}
		return nil
	})
	if notes != 4 {
		t.Errorf("%d events say what was pruned", notes)
	}
	p.settle()
}

// A conflict goes with its loser.
func TestPruneLoser(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.a.write("x", "base")
	p.start()
	p.settle()
	p.cut()
	for _, n := range []*node{p.a, p.b} {
		n.until("the cut", func(st report.Status) bool { return !st.Connected })
	}
	p.a.write("x", "a's")
	p.b.write("x", "b's, newer")
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(p.b.root, "x"), later, later); err != nil {
		t.Fatal(err)
	}
	p.join()
	p.settle()
	if st := p.a.share.Status(); st.Conflicts != 1 || st.Kept != 1 {
		t.Fatalf("a: %d conflicts, %d kept", st.Conflicts, st.Kept)
	}
	for _, n := range []*node{p.a, p.b} {
		if _, err := n.share.Prune(context.Background(), expiry.Order{Limits: &expiry.Limits{Age: 1}}); err != nil {
			t.Error(err)
		}
		n.until("no conflict", func(st report.Status) bool { return st.Conflicts == 0 && st.Kept == 0 })
	}
	p.settle()
}

// The nodes stay in sync, and meet again, while their journals lose what no
// record needs.
func TestJournalIsBounded(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(c *replicate.Config) {
		c.Journal, c.Housekeeping = expiry.Journal{Age: 1}, 10*time.Millisecond
	})
	p.start()
	p.overwrite("page", 40)
	p.a.write("first", "1")
	events := func(n *node) (c store.Counts) {
		_ = n.share.View(func(tx *store.Tx) (err error) { c, err = tx.Counts(); return err })
		return c
	}
	// Once all was looked at the journal rests, so a new start looks again.
	p.settle()
	p.a.stop()
	p.b.stop()
	p.start()
	for _, n := range []*node{p.a, p.b} {
		n.until("a short journal", func(st report.Status) bool { return st.Head > 40 && events(n).Events <= 18 })
	}
	p.b.write("page", "last")
	p.until("an edit", func() bool { return p.a.read("page") == "last" })
	p.settle()
}

// What is left of a transfer that nobody goes on with does not stay until the
// next start.
func TestPartsAreDropped(t *testing.T) {
	t.Parallel()
	for name, limits := range map[string]expiry.Limits{"three versions": {Versions: 3}, "all for ever": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, func(c *replicate.Config) {
				c.Keep, c.Housekeeping = limits, 5*time.Millisecond
				c.Doors.Clock = func() time.Time { return time.Now().Add(2 * time.Hour) }
			})
			p.start()
			p.settle()
			part := filepath.Join(p.b.share.Status().Holding, "stage", strings.Repeat("ab", 32)+".part")
			if err := os.WriteFile(part, []byte("a beginning"), 0o600); err != nil {
				t.Fatal(err)
			}
			p.until("the beginning to go", func() bool {
				_, err := os.Stat(part)
				return errors.Is(err, fs.ErrNotExist)
			})
		})
	}
}
