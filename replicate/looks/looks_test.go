package looks

import (
	"fmt"
	"testing"
	"time"

	"duet/scan"
	"duet/store/index"
)

// Two looks at one path that overlap can end in an index that describes what is
// no longer there: see apart.
func TestLooksDoNotOverlap(t *testing.T) {
	now := time.Unix(1000, 0)
	for _, c := range []struct {
		held, due index.Path
		waits     bool
	}{
		{"d", "d", true},
		{"d", "d/f", true},
		{"d", "d/e/f", true},
		{"d/e/f", "d", true},
		{"d/e/f", "d/e", true},
		{"d/e/f", "d/e/g", false},
		{"d", "d2", false},
		{"d2", "d", false},
		{"d/f", "e", false},
	} {
		n := New(scan.NewDirtySet(0))
		n.looking[1] = []scan.Dirty{{Path: c.held}}
		free := n.apart([]scan.Dirty{{Path: c.due, First: now, Last: now}}, now)
		if waits := len(free) == 0; waits != c.waits {
			t.Errorf("%v while %v is looked at: waits %v, want %v", c.due, c.held, waits, c.waits)
		}
		if c.waits && (n.Dirty.Len() != 1 || len(n.Dirty.Due(now.Add(time.Second), 10)) != 1) {
			t.Errorf("%v while %v is looked at: forgotten", c.due, c.held)
		}
	}
}

// What is looked at while a scan is under way is looked at again after it.
func TestLooksDuringAScan(t *testing.T) {
	now := time.Unix(1000, 0)
	n := New(scan.NewDirtySet(0))
	n.Dirty.Mark("before", false, now)
	now = now.Add(time.Second)
	first, _ := n.Begin(false, now)
	n.Dirty.Mark("a", false, now)
	n.Dirty.Mark("d", true, now)
	now = now.Add(time.Second)
	second, _ := n.Begin(true, now)
	if !n.Any() || second == first {
		t.Fatalf("examinations %d and %d", first, second)
	}
	n.End(first)
	n.End(second)
	if n.Scanned(now) {
		t.Error("two paths are no reason for another scan")
	}
	if due := n.Dirty.Due(now.Add(time.Second), 10); len(due) != 2 || due[0].Path != "a" || !due[1].Recursive {
		t.Errorf("due after the scan: %+v", due)
	}
}

// One path is looked at once it has settled, and so is another a moment later.
// A storm is looked at ever more seldom, and all of it as soon as it has ended.
func TestStorm(t *testing.T) {
	now := time.Unix(1000, 0)
	n := New(scan.NewDirtySet(0))
	look := func() int {
		serial, due := n.Begin(false, now)
		if len(due) > 0 {
			n.End(serial)
		}
		return len(due)
	}
	for range 10 {
		n.Dirty.Mark("f", false, now)
		if look() != 1 {
			t.Fatal("a single path has to wait")
		}
		now = now.Add(5 * time.Millisecond)
	}
	looks, seen := 0, 0
	for i := range 1000 {
		for k := range 50 {
			n.Dirty.Mark(index.Path(fmt.Sprintf("d/%d", i*50+k)), false, now)
		}
		n.Stir(now)
		if got := look(); got > 0 {
			looks, seen = looks+1, seen+got
		}
		now = now.Add(time.Millisecond)
	}
	for range 20 {
		if at, ok := n.Next(); ok {
			if at.Before(now) {
				at = now
			}
			if at.Sub(now) > stormCalm {
				t.Errorf("the next look is %v after the end of the storm", at.Sub(now))
			}
			now = at
			seen += look()
		}
	}
	if looks > 30 || seen != 50000 {
		t.Errorf("%d looks in a second, %d of 50000 paths seen", looks, seen)
	}
}

// What is being installed is looked at when that is done, and then once.
func TestLooksAfterInstalls(t *testing.T) {
	now := time.Unix(1e9, 0)
	n := New(scan.NewDirtySet(0))
	n.Installing(map[index.Path]bool{"d": true, "d/f": true})
	mark := func(p index.Path, recursive bool) { n.Dirty.Mark(p, recursive, now) }
	mark("d", true)
	mark("d/f", false)
	mark("e", false)
	serial, due := n.Begin(false, now)
	if len(due) != 1 || due[0].Path != "e" {
		t.Fatalf("due while something is installed: %v", due)
	}
	n.End(serial)
	mark("d", false)
	if _, due := n.Begin(false, now); len(due) != 0 {
		t.Errorf("due: %v", due)
	}
	if !n.Any() || !n.Marked("d/f") || !n.Marked("d/below") {
		t.Error("what waits is not known any more")
	}
	n.Installed()
	_, due = n.Begin(false, now)
	if len(due) != 2 || due[0].Path != "d" || !due[0].Recursive || due[1].Path != "d/f" {
		t.Errorf("due afterwards: %v", due)
	}
}
