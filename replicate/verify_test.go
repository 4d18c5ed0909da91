package replicate_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"duet/recovery/compare"
	"duet/replicate"
	"duet/replicate/checkup"
	"duet/replicate/report"
	"duet/scan"
	"duet/store"
	"duet/store/index"
)

// spoil changes the content of a file of a stopped node, and makes its index
// believe that nothing has happened: as a disk does it.
func (n *node) spoil(p index.Path, content string) {
	n.t.Helper()
	path := filepath.Join(n.root, string(p))
	was, err := os.Lstat(path)
	if err != nil {
		n.t.Fatal(err)
	}
	n.write(string(p), content)
	if err := os.Chtimes(path, was.ModTime(), was.ModTime()); err != nil {
		n.t.Fatal(err)
	}
	n.damage(func(tx *store.Tx) error {
		r, err := tx.Get(p)
		if err != nil {
			return err
		}
		r.Stamp = n.stamp(p)
		return tx.Put(r)
	})
}

// verify has n verify, and returns "node what path" of each finding, with what
// became of it.
func (n *node) verify(o checkup.Order) (lines []string, out checkup.Result, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	o.How = index.ByUser
	out, err = n.share.Verify(ctx, o, checkup.Watch{
		Found: func(node string, f checkup.Finding) error {
			line := fmt.Sprintf("%s %s %v", node, f.What, f.Path)
			if f.Repaired != "" {
				line += " from " + f.Repaired
			}
			if f.Trouble != "" {
				line += ": " + f.Trouble
			}
			lines = append(lines, line)
			return nil
		},
		Progress: func(string, checkup.Totals) error { return nil },
		Drift: func(d compare.Difference) error {
			lines = append(lines, fmt.Sprintf("%v %v drift", d.Letter, d.Path))
			return nil
		},
	})
	slices.Sort(lines)
	return lines, out, err
}

func (n *node) verified(o checkup.Order, want ...string) checkup.Result {
	n.t.Helper()
	got, out, err := n.verify(o)
	ok := err == nil && len(got) == len(want)
	for i := range want {
		ok = ok && strings.HasPrefix(got[i], want[i])
	}
	if !ok {
		n.t.Errorf("%s: got %q, %v; want %q", n.cfg.NodeName, got, err, want)
	}
	return out
}

// keptOf returns the kept versions of a path.
func (n *node) keptOf(p index.Path) (out []index.Kept) {
	n.t.Helper()
	n.view(func(tx *store.Tx) error {
		for k, err := range tx.AllKept() {
			if err != nil {
				return err
			}
			if k.Path == p {
				out = append(out, k)
			}
		}
		return nil
	})
	return out
}

// spoilt is a pair of which nodes have damaged files.
func spoilt(t *testing.T, spoil func(p *pair)) *pair {
	t.Helper()
	p := newPair(t, nil)
	for i := range 20 {
		p.a.write(fmt.Sprintf("d/f%02d", i), fmt.Sprintf("content %d", i))
	}
	p.a.write("big", strings.Repeat("big", 200_000))
	p.start()
	p.settle()
	p.a.stop()
	p.b.stop()
	spoil(p)
	p.start()
	p.flush()
	return p
}

func TestVerifyAllIsWell(t *testing.T) {
	t.Parallel()
	p := spoilt(t, func(*pair) {})
	out := p.a.verified(checkup.Order{Content: true})
	if out.Here.Files != 21 || out.Here.Bytes != 600_190 || out.Peer == nil || out.Peer.Files != 21 || out.Compared == nil || !out.Compared.Agreed() || !out.Here.Compared {
		t.Errorf("%+v, peer %+v, %+v", out.Here, out.Peer, out.Compared)
	}
	for _, n := range []*node{p.a, p.b} {
		p.until("the status to say so", func() bool {
			v := n.share.Status().Verify
			return v != nil && v.Contents != nil && v.Contents.Files == 21 && v.Contents.Bad() == 0 && v.Tree == nil
		})
	}
	out = p.b.verified(checkup.Order{})
	if out.Here.Files != 0 || out.Here.Paths != 22 || out.Peer != nil {
		t.Errorf("%+v, peer %+v", out.Here, out.Peer)
	}
}

// Damage is found and told, on both nodes; it is no edit and goes nowhere. A
// repair brings back what was, under the same version.
func TestVerifyRepairs(t *testing.T) {
	t.Parallel()
	p := spoilt(t, func(p *pair) {
		p.a.spoil("d/f03", "contenT 3")
		p.a.spoil("big", strings.Repeat("bIg", 200_000))
		p.b.spoil("d/f07", "contenT 7")
	})
	before := p.a.record("big")
	p.a.verified(checkup.Order{})
	out := p.a.verified(checkup.Order{Content: true}, "a corrupt big", "a corrupt d/f03", "b corrupt d/f07")
	if out.Here.Corrupt != 2 || out.Here.Repaired != 0 || !slices.Equal(out.Here.Damaged, []index.Path{"big", "d/f03"}) || !out.Compared.Agreed() {
		t.Errorf("%+v %+v", out.Here, out.Compared)
	}
	p.until("the status to say so", func() bool { v := p.a.share.Status().Verify; return v != nil && v.Contents.Bad() == 2 })
	if a, b := p.a.read("d/f03"), p.b.read("d/f03"); a != "contenT 3" || b != "content 3" {
		t.Fatalf("a has %q, b has %q", a, b)
	}

	out = p.a.verified(checkup.Order{Content: true, Repair: true}, "a corrupt big from b", "a corrupt d/f03 from b", "b corrupt d/f07 from another copy, by b")
	if out.Here.Repaired != 2 || out.Repaired != 1 {
		t.Errorf("%+v", out)
	}
	p.settle()
	for _, n := range []*node{p.a, p.b} {
		if n.read("d/f03") != "content 3" || n.read("d/f07") != "content 7" || n.read("big") != strings.Repeat("big", 200_000) {
			t.Errorf("%s has %q, %q", n.cfg.NodeName, n.read("d/f03"), n.read("d/f07"))
		}
	}
	after := p.a.record("big")
	if !index.EqualEntries(before.Ours, after.Ours) || !after.Agreed() {
		t.Errorf("before %+v, after %+v", before, after)
	}
	kept := p.a.keptOf("d/f03")
	if len(kept) != 1 || kept[0].Reason != index.Corrupt || kept[0].Entry.Hash != scan.SumBytes([]byte("contenT 3")) {
		t.Errorf("kept %+v", kept)
	}
	if got := p.a.history("d/f03"); !slices.Equal(got, []string{"created", "damaged", "damaged", "repaired"}) {
		t.Errorf("history %q", got)
	}
	p.a.verified(checkup.Order{Content: true})
}

// history is what happened to a path.
func (n *node) history(p index.Path) (out []string) {
	n.t.Helper()
	n.view(func(tx *store.Tx) error {
		for e, err := range tx.Events(1) {
			if err != nil {
				return err
			}
			if e.Path == p {
				out = append(out, e.What.String())
			}
		}
		return nil
	})
	return out
}

// Where there is no good copy, nothing is touched, and it says why.
func TestVerifyCannotRepair(t *testing.T) {
	t.Parallel()
	p := spoilt(t, func(p *pair) {
		p.a.spoil("d/f03", "contenT 3")
		p.b.spoil("d/f03", "cOntent 3")
	})
	p.a.verified(checkup.Order{Content: true, Repair: true},
		"a corrupt d/f03: no other copy of it is here, and none came from b: ", "b corrupt d/f03: no other copy of it is here, and none came from a: ")
	if a, b := p.a.read("d/f03"), p.b.read("d/f03"); a != "contenT 3" || b != "cOntent 3" {
		t.Errorf("a has %q, b has %q", a, b)
	}
	if err := p.a.share.Pause(context.Background()); err != nil {
		t.Fatal(err)
	}
	p.cut()
	p.a.until("the cut", func(st report.Status) bool { return !st.Connected })
	out := p.a.verified(checkup.Order{Content: true, Repair: true}, "a corrupt d/f03: no other copy of it is here, and b is not connected")
	if !errors.Is(out.Err, replicate.ErrApart) || !errors.Is(out.PeerErr, replicate.ErrApart) {
		t.Errorf("%v, %v", out.Err, out.PeerErr)
	}
}

// A copy that is here is as good as the peer's, and nearer.
func TestVerifyRepairsFromACopy(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.a.write("one", "the same")
	p.a.write("two", "the same")
	p.a.start()
	p.a.until("the scan", func(st report.Status) bool { return st.Files == 2 })
	p.a.stop()
	p.a.spoil("two", "the samE")
	p.a.start()
	p.a.until("the scan", func(st report.Status) bool { return st.State != report.Starting && st.State != report.Scanning })
	p.a.verified(checkup.Order{Content: true, Repair: true}, "a corrupt two from one")
	if got := p.a.read("two"); got != "the same" {
		t.Errorf("two is %q", got)
	}
}

// deaf is a watcher that the kernel tells nothing.
type deaf struct{ events chan scan.Event }

func (d deaf) Arm(index.Path) error      { return nil }
func (d deaf) Events() <-chan scan.Event { return d.events }
func (d deaf) Disarm(index.Path)         {}
func (d deaf) Close() error              { return nil }

// What the kernel did not report is found, and becomes an edit.
func TestVerifyFindsMissedChanges(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(c *replicate.Config) {
		c.Doors.Watch = func(*scan.Rules) (scan.Watcher, error) { return deaf{make(chan scan.Event)}, nil }
	})
	p.a.write("d/changed", "1")
	p.a.write("d/deleted", "2")
	p.start()
	p.settle()
	p.a.write("d/changed", "now longer")
	p.a.write("d/new", "new")
	p.a.remove("d/deleted")
	time.Sleep(50 * time.Millisecond)
	if p.b.read("d/new") == "new" {
		t.Fatal("the watcher is not deaf")
	}
	p.a.verified(checkup.Order{}, "a missed d/changed", "a missed d/deleted", "a missed d/new")
	p.until("what is new", func() bool { return p.b.read("d/new") == "new" && p.b.read("d/changed") == "now longer" })
	p.settle()
}

// What both nodes take for agreement, and is none, is put right: on both.
func TestVerifyMendsDrift(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	for _, name := range []string{"d/mode", "lost-on-b", "lost-on-a", "same"} {
		p.a.write(name, "content")
	}
	p.start()
	p.settle()
	p.a.stop()
	p.b.stop()
	file := filepath.Join(p.b.root, "d/mode")
	if err := errors.Join(os.Chmod(file, 0o600), os.Remove(filepath.Join(p.b.root, "lost-on-b")), os.Remove(filepath.Join(p.a.root, "lost-on-a"))); err != nil {
		t.Fatal(err)
	}
	p.a.damage(func(tx *store.Tx) error { return tx.Delete("lost-on-a") })
	p.b.damage(func(tx *store.Tx) error {
		r, err := tx.Get("d/mode")
		if err != nil {
			return err
		}
		e := *r.Ours
		e.Mode = 0o600
		r.Ours, r.Theirs, r.Base, r.Stamp = &e, &e, &e, p.b.stamp("d/mode")
		return errors.Join(tx.Put(r), tx.Delete("lost-on-b"))
	})
	p.start()
	p.flush()
	out := p.a.verified(checkup.Order{}, "L lost-on-b drift", "R lost-on-a drift", "X d/mode drift")
	if out.Mended != 0 || out.Here.Drift != 3 {
		t.Errorf("%+v", out)
	}
	out = p.a.verified(checkup.Order{Repair: true}, "L lost-on-b drift", "R lost-on-a drift", "X d/mode drift")
	if out.Mended != 3 {
		t.Errorf("%+v", out)
	}
	p.settle()
	p.a.differ()
	if p.b.read("lost-on-b") != "content" || p.a.read("lost-on-a") != "content" {
		t.Error("a file is still lost")
	}
}

// One verification at a time: a person's does not wait for one that nobody
// watches, and is told of another person's.
func TestVerifyOneAtATime(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(c *replicate.Config) { c.VerifyRate = 1 })
	p.a.write("big", strings.Repeat("x", 2<<20)) // eight reads, at days each
	p.start()
	p.settle()
	ctx, cancel := context.WithCancel(context.Background())
	began, ended := make(chan bool, 100), make(chan error)
	go func() {
		_, err := p.a.share.Verify(ctx, checkup.Order{Content: true, How: index.ByUser}, checkup.Watch{
			Found:    func(string, checkup.Finding) error { return nil },
			Progress: func(string, checkup.Totals) error { began <- true; return nil },
		})
		ended <- err
	}()
	<-began
	p.until("the status to say so", func() bool {
		v := p.a.share.Status().Verify
		return v != nil && v.Running != nil && v.Running.By == "user"
	})
	if _, _, err := p.a.verify(checkup.Order{}); err == nil || !strings.Contains(err.Error(), "is being verified on a since") {
		t.Errorf("a second one: %v", err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	p.a.until("the verification to end", func(st report.Status) bool { return st.Verify == nil })
	p.b.until("the verification to end", func(st report.Status) bool { return st.Verify == nil })
}

func TestVerifyEvery(t *testing.T) {
	t.Parallel()
	p := spoilt(t, func(p *pair) {
		p.a.spoil("d/f03", "contenT 3")
		p.a.cfg.VerifyEvery = 20 * time.Millisecond
	})
	p.until("a verification that nobody asked for", func() bool {
		v := p.a.share.Status().Verify
		return v != nil && v.Contents.Bad() == 1 && v.Contents.By == "rule" && v.Contents.Compared && slices.Equal(v.Contents.Damaged, []string{"d/f03"})
	})
	if got := p.a.read("d/f03"); got != "contenT 3" {
		t.Errorf("it was changed: %q", got)
	}
}

// It may be just being written down how far it is when all has been read.
func TestVerifyIsOverWhileItIsMarked(t *testing.T) {
	t.Parallel()
	p := spoilt(t, func(p *pair) {
		p.a.cfg.VerifyEvery = 20 * time.Millisecond
		p.a.cfg.Doors.Commit = func(string) error {
			time.Sleep(20 * time.Millisecond) // a busy disk
			return nil
		}
	})
	p.until("a verification that nobody asked for", func() bool {
		v := p.a.share.Status().Verify
		return v != nil && v.Contents != nil && v.Contents.By == "rule" && v.Contents.Files == 21
	})
}

func TestVerifyOfRuleMakesRoom(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(c *replicate.Config) { c.VerifyRate, c.VerifyEvery = 1, time.Millisecond })
	p.a.write("big", strings.Repeat("x", 2<<20))
	p.a.start()
	p.until("a verification that nobody asked for", func() bool {
		v := p.a.share.Status().Verify
		return v != nil && v.Running != nil && v.Running.By == "rule"
	})
	out := p.a.verified(checkup.Order{Content: true, Rate: -1})
	if out.Here.Files != 1 || out.Here.Bytes != 2<<20 {
		t.Errorf("%+v", out.Here)
	}
}

// What was read before a restart is not read again, and what was found is not
// forgotten.
func TestVerifyGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(c *replicate.Config) { c.VerifyRate = 256 << 10 })
	const files, size = 30, 32 << 10
	for i := range files {
		p.a.write(fmt.Sprintf("f%02d", i), strings.Repeat(string(rune('A'+i)), size))
	}
	p.start()
	p.settle()
	p.a.stop()
	p.a.spoil("f01", strings.Repeat("x", size))
	p.a.cfg.VerifyEvery = time.Second // and not before there is something to be found
	p.a.start()
	p.join()
	var half report.Half
	p.until("half of it", func() bool {
		v := p.a.share.Status().Verify
		if v == nil || v.Half == nil || v.Half.Files < 4 || v.Contents.Bad() != 0 {
			return false
		}
		half = *v.Half
		return true
	})
	p.a.stop()
	restarted := time.Now()
	p.a.start()
	p.join()
	p.until("it to go on", func() bool {
		v := p.a.share.Status().Verify
		if v == nil || v.Running == nil {
			return false
		}
		if v.Running.Files < half.Files {
			t.Fatalf("%d files were read of %d", v.Running.Files, half.Files)
		}
		return true
	})
	p.until("a verification that nobody asked for", func() bool {
		v := p.a.share.Status().Verify
		return v != nil && v.Contents != nil && v.Contents.Ended.After(restarted)
	})
	c := p.a.share.Status().Verify.Contents
	if c.Files < files || c.Files > files+5 || !c.Began.Equal(half.Began) || !slices.Equal(c.Damaged, []string{"f01"}) {
		t.Errorf("%+v, began %v", c, half.Began)
	}
}
