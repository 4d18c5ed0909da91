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

	"duet/diff"
	"duet/replicate"
	"duet/replicate/report"
	"duet/replicate/ruling"
	"duet/store"
	"duet/store/index"
)

// open are the paths with conflicts that nobody has settled: with a star if
// they wait for a person.
func (n *node) open() (out []string) {
	n.t.Helper()
	n.view(func(tx *store.Tx) error {
		paths, err := ruling.Find(tx, nil)
		for _, p := range paths {
			r, err := tx.Get(p)
			if err != nil {
				return err
			}
			if r != nil && r.Next == index.Held {
				p += "*"
			}
			out = append(out, string(p))
		}
		return err
	})
	return out
}

// bothOpen waits until both nodes list the same conflicts as open.
func (p *pair) bothOpen(want ...string) {
	p.t.Helper()
	var a, b []string
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if a, b = p.a.open(), p.b.open(); slices.Equal(a, want) && slices.Equal(b, want) {
			return
		}
		if time.Now().After(end) {
			p.t.Fatalf("open on a: %v, on b: %v; want %v", a, b, want)
		}
	}
}

func (n *node) order(take string, match func(index.Path) bool) ruling.Order {
	n.t.Helper()
	c, err := diff.ParseChoice(take, map[string]index.NodeID{n.cfg.NodeName: n.cfg.Node, n.cfg.PeerName: n.cfg.Peer})
	if err != nil {
		n.t.Fatal(err)
	}
	return ruling.Order{Take: c, Match: match}
}

func only(paths ...index.Path) func(index.Path) bool {
	return func(p index.Path) bool { return slices.Contains(paths, p) }
}

// resolve settles conflicts, all of which it must be able to.
func (n *node) resolve(take string, match func(index.Path) bool) ruling.Result {
	n.t.Helper()
	r, err := n.share.Resolve(context.Background(), n.order(take, match), nil)
	if err != nil || r.Skipped+r.Failed > 0 {
		n.t.Fatalf("%s: resolve --take %s: %+v, %v", n.cfg.NodeName, take, r, err)
	}
	return r
}

func (n *node) takeBack(id uint64) ruling.Result {
	n.t.Helper()
	r, err := n.share.TakeBack(context.Background(), id, nil)
	if err != nil {
		n.t.Fatalf("%s: take back %d: %+v, %v", n.cfg.NodeName, id, r, err)
	}
	return r
}

// dispute makes both nodes change the same files while they are apart: a's are
// older, b's newer. Both must run and be joined; they are joined again.
func (p *pair) dispute(names ...string) {
	p.t.Helper()
	p.part()
	for _, name := range names {
		p.a.writeAt(name, "a's "+name, time.Unix(1_700_000_000, 0))
		p.b.writeAt(name, "b's "+name, time.Unix(1_700_000_600, 0))
	}
	p.noticed()
	p.join()
}

func (n *node) writeAt(name, content string, at time.Time) {
	n.t.Helper()
	path := filepath.Join(n.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		n.t.Fatal(err)
	}
	// Whole, with its time, in one instant: so nobody sees it with another one.
	tmp := path + ".tmp"
	if err := errors.Join(os.WriteFile(tmp, []byte(content), 0o644), os.Chtimes(tmp, at, at), os.Rename(tmp, path)); err != nil {
		n.t.Fatal(err)
	}
}

func holding(c *replicate.Config) { c.Conflict = "hold" }

// has waits until both nodes have this content, or each its own.
func (p *pair) has(name, a, b string) {
	p.t.Helper()
	p.until(fmt.Sprintf("%s: %q and %q", name, a, b), func() bool { return p.a.read(name) == a && p.b.read(name) == b })
}

// A held conflict leaves both sides alone, whatever comes: a further edit, a
// reconnect, a restart. A person settles it on either node.
func TestHeldUntilSettled(t *testing.T) {
	t.Parallel()
	p := newPair(t, holding)
	p.a.write("x", "base")
	p.start()
	p.settle()
	p.dispute("x", "new")
	p.bothOpen("new*", "x*")
	p.has("x", "a's x", "b's x")
	p.a.write("x", "a's second")
	p.until("the edit", func() bool { return p.a.record("x").Ours.Size == int64(len("a's second")) })
	p.part()
	p.a.stop()
	p.b.stop()
	p.start()
	for _, n := range []*node{p.a, p.b} {
		st := n.until("a held conflict", func(st report.Status) bool { return st.Connected && st.Held == 2 })
		if st.Conflicts != 2 {
			t.Errorf("%s lists %d conflicts", n.cfg.NodeName, st.Conflicts)
		}
	}
	p.bothOpen("new*", "x*")
	p.has("x", "a's second", "b's x")
	p.until("b to hear of the edit", func() bool {
		theirs := p.b.record("x").Theirs
		return theirs != nil && theirs.Size == int64(len("a's second"))
	})

	p.b.resolve("ours", only("x"))
	p.bothOpen("new*")
	p.has("x", "b's x", "b's x")
	p.b.resolve("a", only("new"))
	p.bothOpen()
	p.has("new", "a's new", "a's new")
	p.settle()
	reasons := map[index.Path]index.Reason{}
	for _, n := range []*node{p.a, p.b} {
		for _, k := range n.kept() {
			reasons[k.Path] = k.Reason
		}
	}
	if reasons["x"] != index.Overruled || reasons["new"] != index.Overruled {
		t.Errorf("kept for the reasons %v, want resolved", reasons)
	}
}

// What a rule has settled is listed on both nodes; a person may have it as it
// is, or the other way round, from either node, wherever the loser is kept.
func TestLoserSwappedIn(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"a", "b"} {
		t.Run("on "+at, func(t *testing.T) {
			p := newPair(t, nil)
			p.a.write("loser", "base")
			p.start()
			p.settle()
			p.dispute("loser", "winner", "ours", "newest")
			p.bothOpen("loser", "newest", "ours", "winner")
			p.settle()
			n := p.a
			if at == "b" {
				n = p.b
			}
			n.resolve("loser", only("loser"))
			n.resolve("winner", only("winner"))
			n.resolve("newest", only("newest"))
			n.resolve("ours", only("ours"))
			p.bothOpen()
			p.settle()
			p.has("loser", "a's loser", "a's loser")
			p.has("winner", "b's winner", "b's winner")
			p.has("newest", "b's newest", "b's newest")
			p.has("ours", at+"'s ours", at+"'s ours")
		})
	}
}

// What was settled on one node while they were apart is closed on the other as
// soon as they meet, also when both were restarted in between, and when the path
// was edited again by then; an edit alone closes nothing.
func TestSettledWhileApart(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.start()
	p.settle()
	p.dispute("edited", "kept", "open")
	p.bothOpen("edited", "kept", "open")
	p.settle()
	p.a.write("open", "edited by anybody")
	p.settle()
	p.bothOpen("edited", "kept", "open")
	p.part()
	p.a.resolve("winner", only("edited", "kept"))
	p.a.write("edited", "and gone on with")
	p.until("the edit", func() bool { return p.a.record("edited").Ours.Size == int64(len("and gone on with")) })
	if got := p.b.open(); len(got) != 3 {
		t.Errorf("apart, b has open %v", got)
	}
	p.a.stop()
	p.b.stop()
	p.start()
	p.bothOpen("open")
	p.settle()
	p.has("edited", "and gone on with", "and gone on with")
	p.b.resolve("loser", only("open"))
	p.bothOpen()
	p.settle()
	p.has("open", "a's open", "a's open")
}

// A content that only the peer has: it is asked for, and without the peer the
// order is refused as a whole.
func TestPeerAway(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.start()
	p.settle()
	p.dispute("one", "two")
	p.bothOpen("one", "two")
	p.settle()
	p.part()
	r, err := p.b.share.Resolve(context.Background(), p.b.order("loser", nil), nil)
	if !errors.Is(err, replicate.ErrApart) || r.Replaced+r.Kept != 0 {
		t.Errorf("with the peer away: %+v, %v", r, err)
	}
	if got := p.b.open(); len(got) != 2 {
		t.Errorf("open on b: %v", got)
	}
	p.a.resolve("loser", only("one")) // the loser is kept here
	p.b.resolve("winner", only("two"))
	p.join()
	p.bothOpen()
	p.settle()
	p.has("one", "a's one", "a's one")
	p.has("two", "b's two", "b's two")
}

// While neither side of a directory is chosen, what is in it is left alone, too.
// Whoever chooses the directory has it with all that was in it, whoever chooses
// the file has nothing left below it, on either node.
func TestHeldDirectory(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"a", "b"} {
		for _, take := range []string{"a", "b"} {
			t.Run("on "+at+" take "+take, func(t *testing.T) {
				p := newPair(t, holding)
				p.a.write("d/old", "old")
				p.a.write("d/sub/older", "older")
				p.start()
				p.settle()
				p.part()
				if err := os.Chmod(filepath.Join(p.a.root, "d"), 0o750); err != nil {
					t.Fatal(err)
				}
				p.a.write("d/sub/new", "new")
				p.b.remove("d")
				p.b.write("d", "a file now")
				p.noticed()
				p.join()
				p.bothOpen("d*")
				time.Sleep(200 * time.Millisecond) // for what must not be done
				if p.a.read("d/old") != "old" || p.a.read("d/sub/new") != "new" || p.b.read("d") != "a file now" {
					t.Fatalf("touched while it is held: a\n%s\nb\n%s", list(t, p.a.root), list(t, p.b.root))
				}
				n := p.a
				if at == "b" {
					n = p.b
				}
				o := n.order(take, nil)
				if take == "b" && at == "a" {
					r, err := n.share.Resolve(context.Background(), o, nil)
					if err != nil || r.Skipped != 1 || len(n.open()) != 1 {
						t.Errorf("a directory with contents gave way: %+v, %v", r, err)
					}
					o.Force = true
				}
				r, err := n.share.Resolve(context.Background(), o, nil)
				if err != nil || r.Skipped+r.Failed > 0 {
					t.Fatalf("%+v, %v", r, err)
				}
				p.bothOpen()
				if take == "a" {
					p.until("the directory", func() bool {
						return p.b.read("d/old") == "old" && p.b.read("d/sub/older") == "older" && p.b.read("d/sub/new") == "new"
					})
				} else {
					p.has("d", "a file now", "a file now")
				}
				p.settle()
				if got := p.a.read("d/old"); take == "a" && got != "old" {
					t.Errorf("a has %q in its directory", got)
				}
			})
		}
	}
}

// Two conflicts that are settled together, of a directory and of a file in it: whoever
// has the directory give way to a file has nothing in it settled besides. That
// would be two entries of one version, and each node took its own for what both
// have.
func TestSettledAroundADirectory(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.a.write("d/f", "both")
	p.start()
	p.settle()
	p.dispute("d/f")
	p.bothOpen("d/f")
	p.settle()
	p.part()
	if err := os.Chmod(filepath.Join(p.a.root, "d"), 0o750); err != nil {
		t.Fatal(err)
	}
	p.a.write("d/f", "a's again")
	p.b.remove("d")
	p.b.write("d", "a file now")
	p.noticed()
	p.join()
	p.bothOpen("d", "d/f")
	p.settle()
	p.has("d/f", "a's again", "a's again")
	o := p.a.order("b", nil)
	o.Force = true
	r, err := p.a.share.Resolve(t.Context(), o, nil)
	if err != nil || r.Failed > 0 || r.Skipped != 1 || !strings.Contains(fmt.Sprint(r.Items), "it goes with d") {
		t.Errorf("%+v, %v", r, err)
	}
	p.has("d", "a file now", "a file now")
	p.settle()
}
