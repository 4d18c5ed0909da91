package replicate_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"duet/replicate"
	"duet/replicate/link/linktest"
	planning "duet/replicate/plan"
	"duet/replicate/report"
	"duet/replicate/wire"
	"duet/store"
	"duet/store/index"
)

// flush waits until both nodes say that they are in sync. The trees may differ.
func (p *pair) flush() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), max(patience, 20*time.Second))
	defer cancel()
	for _, n := range []*node{p.a, p.b, p.a} {
		if err := n.share.Flush(ctx); err != nil {
			p.t.Fatalf("%s: flush: %v\n%+v\n%+v", n.cfg.NodeName, err, p.a.share.Status(), p.b.share.Status())
		}
	}
}

// pass has something go from a node to the other and back, so that both have
// acted on all that happened before.
func (p *pair) pass() {
	p.t.Helper()
	name := fmt.Sprintf("mark-%d", time.Now().UnixNano())
	p.a.write(name, "there")
	p.until(name, func() bool { return p.b.read(name) == "there" })
	p.b.write(name+"-back", "and back")
	p.until(name, func() bool { return p.a.read(name+"-back") == "and back" })
	p.flush()
}

// restart stops both nodes, has the rules changed, and starts them again.
func (p *pair) restart(change func()) {
	p.t.Helper()
	p.cut()
	p.a.stop()
	p.b.stop()
	change()
	p.start()
}

func (n *node) next(path string) (next index.Next) {
	n.t.Helper()
	if err := n.share.View(func(tx *store.Tx) error {
		r, err := tx.Get(index.Path(path))
		if err == nil && r != nil {
			next = r.Next
		}
		return err
	}); err != nil {
		n.t.Fatal(err)
	}
	return next
}

// A rule on one node holds for both, whoever changes what it names.
func TestIgnoredOnOneSide(t *testing.T) {
	t.Parallel()
	for _, side := range []string{"a", "b"} {
		t.Run(side, func(t *testing.T) {
			p := newPair(t, func(c *replicate.Config) {
				if c.NodeName == side {
					c.Ignore = []string{"*.cache", "/build/"}
				}
			})
			for _, n := range []*node{p.a, p.b} {
				n.write("x.cache", n.cfg.NodeName)
				n.write("build/"+n.cfg.NodeName, "built")
				n.write("only-"+n.cfg.NodeName+".cache", "1")
			}
			p.start()
			p.pass()
			for _, n := range []*node{p.a, p.b} {
				n.write("x.cache", n.cfg.NodeName+" again")
				n.write("build/new-"+n.cfg.NodeName, "1")
				n.remove("build/" + n.cfg.NodeName)
				n.remove("only-" + n.cfg.NodeName + ".cache")
			}
			p.pass()
			for _, n := range []*node{p.a, p.b} {
				n.wants("x.cache", n.cfg.NodeName+" again")
				n.wantsNone("only-a.cache")
				n.wantsNone("only-b.cache")
				n.wants("build/new-"+n.cfg.NodeName, "1")
				st := n.share.Status()
				// x.cache, build, and one new file in it; of what came and
				// went neither node knows any more.
				if !st.InSync() || st.Ignored != 3 || st.Conflicts != 0 || st.Kept != 0 {
					t.Errorf("%s: in sync %v, %d ignored, %d conflicts, %d kept", n.cfg.NodeName, st.InSync(), st.Ignored, st.Conflicts, st.Kept)
				}
			}
			p.a.wantsNone("build/new-b")
			p.b.wantsNone("build/new-a")
		})
	}
}

// When a rule goes, what happened meanwhile is decided as anything else.
func TestRuleGoes(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(c *replicate.Config) {
		if c.NodeName == "b" {
			c.Ignore = []string{"*.cache"}
		}
	})
	p.a.write("new.cache", "a's")
	p.b.write("mine.cache", "b's")
	p.start()
	p.pass()
	p.b.wantsNone("new.cache")
	p.a.wantsNone("mine.cache")
	p.restart(func() { p.b.cfg.Ignore = nil })
	p.settle()
	p.b.wants("new.cache", "a's")
	p.a.wants("mine.cache", "b's")
	if st := p.a.share.Status(); st.Ignored != 0 {
		t.Errorf("%d paths are still ignored", st.Ignored)
	}
}

// A synced path becomes ignored; what happens to it then is left alone on the
// ignoring node, and followed when the rule goes.
func TestRuleComesAndGoes(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	for _, name := range []string{"edited", "deleted", "both", "quiet", "d/deleted", "d/sub/deleted"} {
		p.a.write(name+".cache", "1")
	}
	p.start()
	p.settle()

	p.restart(func() {
		p.b.cfg.Ignore = []string{"*.cache"}
		p.a.write("edited.cache", "2") // while nobody ran: found by the scan
	})
	p.a.remove("deleted.cache")
	p.a.remove("d/sub/deleted.cache")
	p.pass()
	p.b.write("both.cache", "b's")
	p.a.write("both.cache", "a's, later")
	p.pass()
	p.b.wants("edited.cache", "1")
	p.b.wants("deleted.cache", "1")
	p.b.wants("d/sub/deleted.cache", "1")
	p.b.wants("both.cache", "b's")
	p.a.wants("both.cache", "a's, later")
	for _, n := range []*node{p.a, p.b} {
		if st := n.share.Status(); !st.InSync() || st.Ignored != 4 {
			t.Errorf("%s: in sync %v, %d ignored", n.cfg.NodeName, st.InSync(), st.Ignored)
		}
		if next := n.next("quiet.cache"); next != index.Nothing {
			t.Errorf("%s: what did not change is %v", n.cfg.NodeName, next)
		}
	}

	p.restart(func() { p.b.cfg.Ignore = nil })
	p.settle()
	p.b.wants("edited.cache", "2")
	p.b.wantsNone("deleted.cache")
	p.b.wantsNone("d/sub/deleted.cache")
	p.b.wants("both.cache", "a's, later")
	if st := p.b.share.Status(); st.Ignored != 0 || st.Conflicts != 1 || st.Kept < 3 {
		t.Errorf("%d ignored, %d conflicts, %d kept", st.Ignored, st.Conflicts, st.Kept)
	}
}

// What the peer has and this node ignores was never here: a tree without it is
// not one that was emptied.
func TestAllIsIgnored(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(c *replicate.Config) {
		if c.NodeName == "b" {
			c.Ignore = []string{"*.cache"}
		}
	})
	p.a.write("x.cache", "1")
	p.start()
	p.b.until("the ignored file", func(st report.Status) bool { return st.Ignored == 1 })
	p.flush()
	p.restart(func() {})
	p.flush()
	p.b.wantsNone("x.cache")
}

// A rule that comes while something is pending ends the waiting, on both sides.
func TestRuleComesWhilePending(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.a.write("x.cache", "1")
	p.a.write("y", "1")
	p.start()
	p.settle()
	if err := p.b.share.Pause(context.Background()); err != nil {
		t.Fatal(err)
	}
	p.a.write("x.cache", "2")
	p.a.write("y.cache", "2")
	p.b.until("two paths to take", func(st report.Status) bool { return st.PendingIn == 2 })
	p.cut()
	p.b.stop()
	p.b.cfg.Ignore = []string{"*.cache"}
	p.b.start()
	p.b.until("nothing to take", func(st report.Status) bool { return st.PendingIn == 0 && st.Ignored == 2 })
	if err := p.b.share.Resume(context.Background()); err != nil {
		t.Fatal(err)
	}
	p.a.until("cut", func(st report.Status) bool { return !st.Connected })
	p.join()
	p.pass()
	p.b.wants("x.cache", "1")
	p.b.wantsNone("y.cache")
	if st := p.a.share.Status(); st.Ignored != 2 || st.PendingOut != 0 {
		t.Errorf("a: %d ignored, %d pending", st.Ignored, st.PendingOut)
	}
}

// What the peer ignores is known before it is back, and rules that are the same
// as before cost no pass over the index.
func TestRulesAreRemembered(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(c *replicate.Config) {
		if c.NodeName == "b" {
			c.Ignore = []string{"*.cache"}
		}
	})
	p.start()
	p.pass()
	rules := func() (h index.Hash) {
		p.a.share.View(func(tx *store.Tx) error {
			m, err := tx.Meta()
			h = m.Rules
			return err
		})
		return h
	}
	was := rules()
	if was == (index.Hash{}) {
		t.Error("by which rules the index is settled is not remembered")
	}
	p.cut()
	p.a.stop()
	p.a.write("x.cache", "1")
	p.a.start()
	p.a.until("an ignored file", func(st report.Status) bool { return st.Ignored == 1 && st.PendingOut == 0 })
	if rules() != was {
		t.Error("the same rules were taken for others")
	}
	p.b.until("cut", func(st report.Status) bool { return !st.Connected })
	p.join()
	p.pass()
	p.b.wantsNone("x.cache")
}

// A directory that the peer deleted stays while something ignored is in it.
func TestIgnoredKeepsItsDirectory(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.a.write("d/x.cache", "1")
	p.a.write("d/y", "1")
	p.start()
	p.settle()
	p.restart(func() { p.b.cfg.Ignore = []string{"*.cache"} })
	p.pass()
	p.a.remove("d")
	p.until("d back", func() bool {
		_, err := os.Lstat(filepath.Join(p.a.root, "d"))
		_, gone := os.Lstat(filepath.Join(p.b.root, "d/y"))
		return err == nil && os.IsNotExist(gone)
	})
	p.flush()
	p.b.wants("d/x.cache", "1")
	p.a.wantsNone("d/x.cache")
}

// Rules are the peer's input: what cannot be read ends the session, and says so.
func TestRulesOfThePeerThatCannotBeRead(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.a.start()
	theirs, ours := linktest.Pipe()
	defer theirs.Close()
	p.a.conns <- ours
	hello := &wire.Hello{
		Protocol: 1, Oldest: 1, Share: "s", NodeName: "b", Node: p.a.cfg.Peer, Epoch: 1,
		Conflict: "newer", Deletes: "track", Ignore: []string{"fine", "[never closed"},
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stream, err := theirs.Open(ctx, "control")
	if err != nil {
		t.Fatal(err)
	}
	if err := wire.WriteMsg(stream, hello); err != nil {
		t.Fatal(err)
	}
	st := p.a.until("an error", func(st report.Status) bool { return strings.Contains(st.LastError, "ignore line 2") })
	if st.Connected || !strings.Contains(st.LastError, "rules of b") {
		t.Errorf("connected %v, last error %q", st.Connected, st.LastError)
	}
}

// Rules that no hello could carry are refused at once.
func TestTooManyRules(t *testing.T) {
	t.Parallel()
	cfg := newPair(t, func(c *replicate.Config) { c.Ignore = make([]string, wire.MaxIgnores+1) }).a.cfg
	share, err := replicate.Open(cfg)
	if err == nil {
		share.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "the limit is 1000") {
		t.Errorf("open: %v", err)
	}
}

// More paths than one transaction settles become ignored, and cease to be.
func TestRuleForManyPaths(t *testing.T) {
	t.Parallel()
	const many = 2100
	p := newPair(t, func(c *replicate.Config) {
		if c.NodeName == "b" {
			c.Ignore = []string{"*.cache"}
		}
	})
	for i := range many {
		p.a.write(fmt.Sprintf("d/%d.cache", i), "")
	}
	p.start()
	p.a.until("ignored files", func(st report.Status) bool { return st.Ignored == many })
	p.flush()
	p.restart(func() { p.b.cfg.Ignore = nil })
	p.settle()
	if st := p.b.share.Status(); st.Files != many || st.Ignored != 0 {
		t.Errorf("%d files, %d ignored", st.Files, st.Ignored)
	}
}

// The same when a file takes the directory's place there.
func TestIgnoredKeepsItsDirectoryAgainstAFile(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.a.write("d/x.cache", "1")
	p.a.write("d/y", "1")
	p.start()
	p.settle()
	p.restart(func() { p.b.cfg.Ignore = []string{"*.cache"} })
	p.pass()
	if err := os.RemoveAll(filepath.Join(p.a.root, "d")); err != nil {
		t.Fatal(err)
	}
	p.a.write("d", "a file")
	p.until("the directory", func() bool {
		info, err := os.Lstat(filepath.Join(p.a.root, "d"))
		return err == nil && info.IsDir()
	})
	p.flush()
	p.b.wants("d/x.cache", "1")
	p.a.wantsNone("d/x.cache")
}

// A rule that goes brings back a conflict; a held session settles it only when
// it is released.
func TestRuleGoesWhileHeld(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.a.write("x.cache", "1")
	p.a.write("y", "1")
	p.start()
	p.settle()
	p.cut()
	for _, n := range []*node{p.a, p.b} {
		n.until("cut", func(st report.Status) bool { return !st.Connected })
		n.write("x.cache", n.cfg.NodeName+"'s")
		n.until("an edit", func(st report.Status) bool { return st.PendingOut == 1 })
	}
	p.restart(func() { p.b.cfg.Ignore = []string{"*.cache"} })
	p.pass()
	for _, n := range []*node{p.a, p.b} {
		if st := n.share.Status(); st.Ignored != 1 || st.Conflicts != 0 {
			t.Errorf("%s: %d ignored, %d conflicts", n.cfg.NodeName, st.Ignored, st.Conflicts)
		}
	}
	p.restart(func() {
		p.b.cfg.Ignore = nil
		p.b.cfg.OnReconnect = "hold"
	})
	st := p.b.until("a held session", func(st report.Status) bool {
		return st.State == report.WaitingApproval && st.PendingIn == 1
	})
	if st.Conflicts != 0 || st.Ignored != 0 {
		t.Errorf("held, with %d conflicts and %d ignored", st.Conflicts, st.Ignored)
	}
	p.a.wants("x.cache", "a's")
	p.b.wants("x.cache", "b's")
	plan, _, err := p.b.share.Plan(context.Background(), nil, planning.Emit{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.b.share.Apply(context.Background(), replicate.Applying{ID: plan.ID}, nil); err != nil {
		t.Fatal(err)
	}
	p.settle()
	p.a.wants("x.cache", "b's")
	if st := p.b.share.Status(); st.Conflicts != 1 {
		t.Errorf("%d conflicts", st.Conflicts)
	}
}
