package looks

import (
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
