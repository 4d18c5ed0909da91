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
	"duet/replicate/inquiry"
	"duet/replicate/wire"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// differences compares n with its peer.
func (n *node) differences(o compare.Options) (lines []string, sum compare.Summary, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	sum, err = n.share.Compare(ctx, o, func(d compare.Difference) error {
		lines = append(lines, fmt.Sprintf("%v %v %s", d.Letter, d.Path, d.State))
		return nil
	})
	return lines, sum, err
}

func (n *node) differ(want ...string) {
	n.t.Helper()
	got, _, err := n.differences(compare.Options{})
	if err != nil || !slices.Equal(got, want) {
		n.t.Errorf("%s: got %q, %v; want %q", n.cfg.NodeName, got, err, want)
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(c *replicate.Config) {
		if c.NodeName == "b" {
			c.Ignore = []string{"*.tmp"}
		}
	})
	for i := range 200 {
		p.a.write(fmt.Sprintf("d%d/f%d", i%3, i), fmt.Sprint(i))
	}
	p.a.write("x.tmp", "b ignores it")
	p.start()
	p.flush()
	p.a.differ()
	p.b.differ()
	_, sum, err := p.a.differences(compare.Options{})
	if err != nil || sum.Ours.Count != 203 || sum.Ours != sum.Theirs || !sum.Agreed() {
		t.Errorf("%+v, %v", sum, err)
	}

	// What b has heard of and does not do: it waits, and is no drift.
	ctx := context.Background()
	if err := p.b.share.Pause(ctx); err != nil {
		t.Fatal(err)
	}
	p.a.write("d1/f1", "changed")
	p.a.write("new", "new")
	p.a.remove("d2/f2")
	p.b.awaitPending(3)
	p.a.differ("X d1/f1 there", "T d2/f2 there", "L new there")
	p.b.differ("X d1/f1 here", "T d2/f2 here", "R new here")
	got, _, err := p.b.differences(compare.Options{Under: "d1"})
	if err != nil || !slices.Equal(got, []string{"X d1/f1 here"}) {
		t.Errorf("under d1: %q, %v", got, err)
	}
	if err := p.b.share.Resume(ctx); err != nil {
		t.Fatal(err)
	}
	p.flush()
	p.a.differ()
}

// awaitPending waits until n has so many paths to act on.
func (n *node) awaitPending(paths int64) {
	n.t.Helper()
	for late := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if n.share.Status().PendingIn == paths {
			return
		}
		if time.Now().After(late) {
			n.t.Fatalf("%s: %+v", n.cfg.NodeName, n.share.Status())
		}
	}
}

// An index that is not what it was when both agreed is found out: nothing else
// would ever notice.
func TestCompareFindsDrift(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.a.write("d/file", "content")
	p.a.write("lost", "content")
	p.start()
	p.settle()
	p.a.stop()
	p.b.stop()
	file := filepath.Join(p.b.root, "d/file")
	if err := errors.Join(os.Chmod(file, 0o600), os.Remove(filepath.Join(p.b.root, "lost"))); err != nil {
		t.Fatal(err)
	}
	p.b.damage(func(tx *store.Tx) error {
		r, err := tx.Get("d/file")
		if err != nil {
			return err
		}
		e := *r.Ours
		e.Mode = 0o600
		r.Ours, r.Theirs, r.Base, r.Stamp = &e, &e, &e, p.b.stamp("d/file")
		return errors.Join(tx.Put(r), tx.Delete("lost"))
	})
	p.start()
	p.flush()
	p.a.differ("X d/file drift", "L lost drift")
	p.b.differ("X d/file drift", "R lost drift")
}

// stamp is what lstat says of a path.
func (n *node) stamp(p index.Path) index.Stamp {
	n.t.Helper()
	tree, err := vfs.Open(n.cfg.Path, vfs.Options{Name: n.cfg.Name})
	if err != nil {
		n.t.Fatal(err)
	}
	defer tree.Close()
	info, err := tree.Lstat(p)
	if err != nil {
		n.t.Fatal(err)
	}
	return info.Stamp
}

// damage changes the index of a node that is stopped.
func (n *node) damage(f func(*store.Tx) error) {
	n.t.Helper()
	st, err := store.Open(n.cfg.File, store.Options{Share: n.cfg.Name, Node: n.cfg.Node})
	if err == nil {
		err = errors.Join(st.Update(f), st.Close())
	}
	if err != nil {
		n.t.Fatal(err)
	}
}

func TestCompareNeedsThePeer(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.a.start()
	if _, _, err := p.a.differences(compare.Options{}); !errors.Is(err, replicate.ErrApart) {
		t.Errorf("apart: %v", err)
	}
	pp := p.puppetAgain(nil)
	if _, _, err := p.a.compareOnceConnected(); err == nil || !strings.Contains(err.Error(), "runs duet puppet, which cannot compare: upgrade duet there") {
		t.Errorf("old peer: %v", err)
	}
	pp.conn.Close()
	pp = p.puppetAgain(func(h *wire.Hello) { h.Protocol = 2 })
	go func() {
		s, err := pp.conn.Accept(context.Background())
		if err == nil {
			s.Close()
		}
	}()
	if _, _, err := p.a.compareOnceConnected(); err == nil || !strings.Contains(err.Error(), "ended the stream before its answer") {
		t.Errorf("silent peer: %v", err)
	}
}

func (n *node) compareOnceConnected() ([]string, compare.Summary, error) {
	n.t.Helper()
	for late := time.Now().Add(patience); time.Now().Before(late); time.Sleep(5 * time.Millisecond) {
		lines, sum, err := n.differences(compare.Options{})
		if !errors.Is(err, replicate.ErrApart) {
			return lines, sum, err
		}
	}
	n.t.Fatal("never connected")
	return nil, compare.Summary{}, nil
}

// The peer may ask on few streams at a time, and hears why not on more.
func TestTooManyQuestions(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.a.write("x", "1")
	pp := p.puppetOf(nil)
	pp.hears("a change", func(m wire.Msg) bool { _, ok := m.(*wire.Changes); return ok })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ask := func() wire.Msg {
		s, err := pp.conn.Open(ctx, inquiry.StreamKind)
		if err != nil {
			t.Fatal(err)
		}
		_ = wire.WriteMsg(s, &wire.Compare{})
		m, err := wire.ReadMsg(s)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for range 2 { // and leaves them open
		if d, ok := ask().(*wire.Digests); !ok || d.Digests[0].Count != 1 {
			t.Fatalf("got %+v", d)
		}
	}
	if c, ok := ask().(*wire.Control); !ok || c.Kind != wire.Refuse || !strings.Contains(c.Text, "try again") {
		t.Errorf("the third stream: got %+v", c)
	}
	pp.conn.Close()
	pp = p.puppetAgain(nil)
	if _, ok := ask().(*wire.Digests); !ok {
		t.Error("another session may ask again")
	}
}
