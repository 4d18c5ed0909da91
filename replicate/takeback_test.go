package replicate_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"duet/replicate/report"
	"duet/replicate/wire"
)

// Hundreds of conflicts are settled with one order and put back with another;
// then all is as it was, on both nodes: trees and lists.
func TestManySettledAndTakenBack(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.start()
	p.settle()
	var names []string
	const many = 450 // more than two chunks
	for i := range many {
		names = append(names, fmt.Sprintf("d%02d/f%03d", i%20, i))
	}
	p.dispute(names...)
	slices.Sort(names)
	p.bothOpen(names...)
	p.settle()
	before := list(t, p.b.root)
	steps := 0
	o := p.b.order("loser", nil)
	r, err := p.b.share.Resolve(context.Background(), o, func(done, total int) {
		if steps++; done > total || total != many {
			t.Errorf("progress: %d of %d", done, total)
		}
	})
	if err != nil || r.Replaced != many || r.Skipped+r.Failed+r.Kept != 0 || r.Ruling == 0 || steps < 3 {
		t.Fatalf("resolve: %d replaced, %d skipped, %d failed, ruling %d, %d steps, %v", r.Replaced, r.Skipped, r.Failed, r.Ruling, steps, err)
	}
	p.bothOpen()
	p.settle()
	for _, name := range names {
		if got := p.a.read(name); got != "a's "+name {
			t.Fatalf("%s: %q", name, got)
		}
	}
	p.a.write(names[7], "changed since")
	p.settle()
	if r = p.b.takeBack(0); r.Replaced != many-1 || r.Skipped != 1 || r.Failed != 0 || !strings.Contains(r.Items[7].Detail, "changed since, on a") {
		t.Fatalf("take back: %d replaced, %d skipped, %d failed, %+v", r.Replaced, r.Skipped, r.Failed, r.Items[7])
	}
	p.bothOpen(slices.Delete(slices.Clone(names), 7, 8)...)
	p.settle()
	if got := p.b.read(names[7]); got != "changed since" {
		t.Errorf("what was changed since: %q", got)
	}
	p.a.writeAt(names[7], "b's "+names[7], time.Unix(1_700_000_600, 0))
	p.settle()
	if got := list(t, p.a.root); got != before {
		t.Errorf("a has\n%.500s\nwant\n%.500s", got, before)
	}
}

// A held conflict that was settled is held again, where that can be: where this
// node gave way, and where the peer has not followed. Where it has, both have
// what this node had, and the conflict is open.
func TestHeldTakenBack(t *testing.T) {
	t.Parallel()
	p := newPair(t, holding)
	p.start()
	p.settle()
	p.dispute("ours", "theirs", "unheard")
	p.bothOpen("ours*", "theirs*", "unheard*")
	p.a.resolve("theirs", only("theirs"))
	p.a.resolve("ours", only("ours"))
	p.bothOpen("unheard*")
	p.has("ours", "a's ours", "a's ours")
	p.until("agreement", func() bool { return p.a.record("ours").Agreed() && p.a.record("theirs").Agreed() })
	p.part()
	p.a.resolve("ours", only("unheard"))
	p.a.takeBack(0)
	if got := p.a.open(); !slices.Equal(got, []string{"unheard*"}) {
		t.Errorf("apart, a has open %v", got)
	}
	p.join()
	p.a.until("meeting", connected)
	p.a.takeBack(2)
	p.a.takeBack(1)
	p.bothOpen("ours", "theirs*", "unheard*")
	p.has("theirs", "a's theirs", "b's theirs")
	p.has("unheard", "a's unheard", "b's unheard")
	p.has("ours", "a's ours", "a's ours")
	p.a.resolve("loser", only("ours"))
	p.a.resolve("theirs", only("theirs"))
	p.b.resolve("theirs", only("unheard"))
	p.bothOpen()
	p.settle()
	p.has("ours", "b's ours", "b's ours")
	p.has("theirs", "b's theirs", "b's theirs")
	p.has("unheard", "a's unheard", "a's unheard")
}

// A directory that gave way comes back with all that was in it.
func TestDirectoryTakenBack(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.start()
	p.settle()
	p.part()
	p.a.write("d/sub/deep", "deep")
	p.a.write("d/page", "page")
	if err := os.Chmod(filepath.Join(p.a.root, "d"), 0o700); err != nil {
		t.Fatal(err)
	}
	p.b.write("d", "a file")
	p.noticed()
	p.join()
	p.bothOpen("d")
	p.settle()
	before := list(t, p.b.root)
	o := p.b.order("loser", nil)
	o.Force = true
	if r, err := p.b.share.Resolve(context.Background(), o, nil); err != nil || r.Replaced != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	p.bothOpen()
	p.has("d", "a file", "a file")
	p.settle()
	if r := p.b.takeBack(0); r.Replaced != 4 || r.Skipped+r.Failed > 0 {
		t.Fatalf("%+v", r)
	}
	p.bothOpen("d")
	p.settle()
	if got := list(t, p.a.root); got != before {
		t.Errorf("a has\n%s\nwant\n%s", got, before)
	}
}

// What is done since an order is not overwritten by taking it back; what was
// deleted since stays deleted. An order that is forgotten cannot be taken back.
func TestNothingToTakeBack(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.start()
	p.settle()
	if _, err := p.a.share.TakeBack(context.Background(), 0, nil); err == nil || !strings.Contains(err.Error(), "nothing is remembered") {
		t.Errorf("of nothing: %v", err)
	}
	p.dispute("gone", "same")
	p.bothOpen("gone", "same")
	p.settle()
	p.b.remove("gone")
	p.settle()
	p.until("the tombstone to be forgotten", func() bool { return p.a.record("gone") == nil && p.b.record("gone") == nil })
	p.bothOpen("gone", "same")
	id := p.a.resolve("winner", nil).Ruling
	p.bothOpen()
	p.settle()
	p.until("the tombstone to be forgotten", func() bool { return p.a.record("gone") == nil && p.b.record("gone") == nil })
	p.a.remove("same")
	p.settle()
	r := p.a.takeBack(id)
	if r.Skipped != 1 || r.Kept != 1 || r.Replaced+r.Failed > 0 {
		t.Errorf("%+v", r)
	}
	p.bothOpen("gone") // it was gone before, too
	if _, err := p.a.share.TakeBack(context.Background(), id+1, nil); err == nil || !strings.Contains(err.Error(), "no ruling") {
		t.Errorf("of another: %v", err)
	}
}

// The loser's node says what it had before it takes the winner's: else the
// winner would never list the conflict.
func TestLoserIsAnnouncedFirst(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.a.writeAt("x", "a's, older", time.Unix(900_000_000, 0))
	pp := p.puppetOf(nil)
	p.a.until("meeting", connected)
	pp.say(changes(fileAt(5, "x", "b's, newer")))
	p.a.until("the change", func(st report.Status) bool { return st.PendingIn == 1 })
	time.Sleep(200 * time.Millisecond) // for what must not be done
	if got := p.a.read("x"); got != "a's, older" {
		t.Fatalf("before b has heard: %q", got)
	}
	pp.say(&wire.Ack{Heard: p.a.record("x").Pos})
	p.until("b's", func() bool { return p.a.read("x") == "b's, newer" })
	p.until("the conflict to be listed", func() bool { return slices.Equal(p.a.open(), []string{"x"}) })
}
