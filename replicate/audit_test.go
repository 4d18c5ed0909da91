package replicate_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"duet/replicate"
	"duet/replicate/report"
	"duet/store"
	"duet/store/index"
)

// journal returns what a node's journal says of a path, oldest first.
func (n *node) journal(p index.Path) (out []index.Event) {
	n.t.Helper()
	err := n.share.View(func(tx *store.Tx) error {
		for e, err := range tx.History(p) {
			if err != nil {
				return err
			}
			out = append([]index.Event{e}, out...)
		}
		return nil
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return out
}

// said is an event in words, without its times.
func said(e index.Event) string {
	kind := "-"
	if e.Entry != nil {
		kind = e.Entry.Kind.String()
	}
	line := fmt.Sprintf("%v %v by %v, %v, %s", e.What, e.Path, uint64(e.Node), e.How, kind)
	if e.From != index.Root {
		line += ", from " + e.From.String()
	}
	if e.To != index.Root {
		line += ", to " + e.To.String()
	}
	if e.Rule != "" {
		line += ", rule " + e.Rule
	}
	if e.Seen.How != 0 {
		line += fmt.Sprintf(", seen by %v", e.Seen.How)
	}
	if e.Note != "" {
		line += ", " + e.Note
	}
	return line
}

func (n *node) wantJournal(p index.Path, want ...string) []index.Event {
	n.t.Helper()
	got := n.journal(p)
	for i := range max(len(got), len(want)) {
		g, w := "nothing", "nothing"
		if i < len(got) {
			g = said(got[i])
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			n.t.Errorf("%s's journal of %v, line %d:\n got %s\nwant %s", n.cfg.NodeName, p, i+1, g, w)
		}
	}
	return got
}

// A delete can be explained on the node that only followed it: who deleted,
// when, how that was noticed there, and which rule decided.
func TestJournalExplainsDelete(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.a.write("page", "1")
	p.start()
	p.settle()
	p.a.remove("page")
	p.b.goes("page")
	p.settle()
	a := p.a.wantJournal("page",
		"created page by 1, scan, file",
		"deleted page by 1, watch, gone")
	b := p.b.wantJournal("page",
		"adopted page by 1, peer, file, rule new-there, seen by scan",
		"adopted page by 1, peer, gone, rule deleted-there, seen by watch")
	if len(a) != 2 || len(b) != 2 {
		return
	}
	for i := range b {
		if b[i].Seen.Time != a[i].Time {
			t.Errorf("event %d was noticed at %d, and b says %d", i, a[i].Time, b[i].Seen.Time)
		}
	}
}

// A rename is told as one on both nodes, under both names, whether it was seen
// as it happened or found by a scan.
func TestJournalExplainsRename(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.a.write("d/old", "content")
	p.a.write("d/slept", "other content")
	p.start()
	p.settle()
	rename := func(from, to string) {
		t.Helper()
		if err := os.Rename(filepath.Join(p.a.root, from), filepath.Join(p.a.root, to)); err != nil {
			t.Fatal(err)
		}
	}
	rename("d/old", "new")
	p.until("the rename", func() bool { return p.b.read("new") == "content" })
	p.settle()
	created := "created d/old by 1, scan, file"
	moved := []string{"created new by 1, watch, file, from d/old", "deleted d/old by 1, watch, gone, to new"}
	p.a.wantJournal("d/old", created, moved[0], moved[1])
	p.a.wantJournal("new", moved[0], moved[1])
	// It moved no content, or could have: small ones are sent along.
	p.b.wantJournal("new",
		"adopted new by 1, peer, file, from d/old, rule new-there, seen by watch",
		"adopted d/old by 1, peer, gone, to new, rule deleted-there, seen by watch")

	p.a.stop()
	p.cut()
	rename("d/slept", "woke")
	p.a.start()
	p.join()
	p.until("the other rename", func() bool { return p.b.read("woke") == "other content" })
	p.settle()
	p.a.wantJournal("woke", "created woke by 1, scan, file, from d/slept", "deleted d/slept by 1, scan, gone, to woke")
}

// What is decided without a change of the tree is journalled, too.
func TestJournalExplainsDecisions(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(c *replicate.Config) { c.Conflict = "hold" })
	p.a.write("same", "1")
	p.b.write("same", "1")
	p.a.write("mine", "a's\n")
	p.b.write("mine", "b's, longer\n")
	now := time.Now()
	for _, n := range []*node{p.a, p.b} {
		if err := os.Chtimes(filepath.Join(n.root, "same"), now, now); err != nil {
			t.Fatal(err)
		}
	}
	p.a.start()
	p.b.start()
	for _, n := range []*node{p.a, p.b} { // each decides by itself what it then hears
		n.until("its scan", func(st report.Status) bool { return st.State == report.Disconnected })
	}
	p.join()
	p.b.until("the conflict", func(st report.Status) bool { return st.Held == 1 })
	p.a.until("the conflict", func(st report.Status) bool { return st.Held == 1 })
	p.a.wantJournal("mine", "created mine by 1, scan, file", "parked mine by 2, peer, -, rule conflict-held, seen by scan")
	p.b.wantJournal("mine", "created mine by 2, scan, file", "parked mine by 1, peer, -, rule conflict-held, seen by scan")
	p.a.wantJournal("same", "created same by 1, scan, file", "merged same by 1, peer, file, rule same-on-both")
	p.b.wantJournal("same", "created same by 2, scan, file", "merged same by 1, peer, file, rule same-on-both, seen by scan")

	ctx := context.Background()
	for _, f := range []func(context.Context) error{p.a.share.Pause, p.a.share.Resume} {
		if err := f(ctx); err != nil {
			t.Fatal(err)
		}
	}
	p.a.wantJournal(index.Root, "paused . by 1, user, -", "resumed . by 1, user, -")
}

// Deletes that wait, and their approval, are journalled with their numbers, and
// once, however often the connection is cut; a restore says what it restored.
func TestJournalExplainsApprovalAndRestore(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(c *replicate.Config) { c.MaxDelete = "2" })
	p.a.many("f", 6)
	p.start()
	p.settle()
	p.removeApart("f0", "f1", "f2", "f3", "f4")
	waits := func(st report.Status) bool { return st.State == report.WaitingApproval && st.Waiting.Deletes == 5 }
	st := p.b.until("approval", waits)
	p.part()
	p.join()
	p.b.until("approval again", waits)
	if err := p.b.share.Approve(context.Background(), st.Waiting.ID); err != nil {
		t.Fatal(err)
	}
	p.settle()
	got := p.b.journal(index.Root)
	want := []string{
		"withheld . by 1, rule, -, 5 deletes of 6 paths, more than max_delete 2: " + st.Waiting.ID,
		"approved . by 2, user, -, 5 deletes of 6 paths, " + st.Waiting.ID,
	}
	// How many were heard of at a time is not to be known: the last counts.
	if len(got) < 2 || said(got[len(got)-2]) != want[0] || said(got[len(got)-1]) != want[1] {
		for _, e := range got {
			t.Logf("got  %s", said(e))
		}
		t.Errorf("want %q last", want)
	}
	kept := uint64(0)
	if err := p.b.share.View(func(tx *store.Tx) error {
		for id := range tx.KeptOf("f3") {
			kept = id
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := p.b.share.Restore(context.Background(), kept, ""); err != nil {
		t.Fatal(err)
	}
	p.until("the restore", func() bool { return p.a.read("f3") == "x" })
	p.settle()
	p.b.wantJournal("f3",
		"adopted f3 by 1, peer, file, rule new-there, seen by scan",
		"adopted f3 by 1, peer, gone, rule deleted-there, seen by watch, approved",
		fmt.Sprintf("restored f3 by 2, user, -, kept version %d", kept),
		"created f3 by 2, watch, file")
}
