package replicate

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
		n := &notice{dirty: scan.NewDirtySet(0), looking: map[int][]scan.Dirty{1: {{Path: c.held}}}}
		free := n.apart([]scan.Dirty{{Path: c.due, First: now, Last: now}}, now)
		if waits := len(free) == 0; waits != c.waits {
			t.Errorf("%v while %v is looked at: waits %v, want %v", c.due, c.held, waits, c.waits)
		}
		if c.waits && (n.dirty.Len() != 1 || len(n.dirty.Due(now.Add(time.Second), 10)) != 1) {
			t.Errorf("%v while %v is looked at: forgotten", c.due, c.held)
		}
	}
}

// What is looked at while a scan is under way is looked at again after it.
func TestLooksDuringAScan(t *testing.T) {
	now := time.Unix(1000, 0)
	l := &loop{notice: notice{dirty: scan.NewDirtySet(0), crossed: map[index.Path]bool{}, scanning: true}}
	l.notice.cross([]scan.Dirty{{Path: "a"}, {Path: "d", Recursive: true}})
	l.lookAgain(now)
	if due := l.notice.dirty.Due(now.Add(time.Second), 10); len(due) != 2 || due[0].Path != "a" || !due[1].Recursive {
		t.Errorf("due after the scan: %+v", due)
	}
}
