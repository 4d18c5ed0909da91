package trouble

import (
	"errors"
	"testing"
	"time"

	"duet/scan"
	"duet/store/index"
)

var errDisk = errors.New("input/output error")

// What could not be read forbids decisions there, and below it if the whole
// subtree is in question; what could not be installed forbids nothing.
func TestBlocked(t *testing.T) {
	now := time.Unix(1000, 0)
	var ps Paths
	ps.Scan(scan.Problem{Path: "d", Err: errDisk, Subtree: true}, now)
	ps.Scan(scan.Problem{Path: "f", Err: errDisk}, now)
	ps.Scan(scan.Problem{Path: "fifo", Err: errDisk, Skipped: true}, now)
	ps.Fail("g", errDisk, now)
	for p, want := range map[index.Path]bool{"d": true, "d/e/f": true, "d2": false, "f": true, "f/g": false, "fifo": false, "g": false, "g/h": false} {
		if got := ps.Blocked(p); got != want {
			t.Errorf("%v blocked: %v, want %v", p, got, want)
		}
	}
	ps.ClearScan("d")
	if ps.Blocked("d/e/f") || !ps.Blocked("f") {
		t.Error("a new scan of d forgets d, and d alone")
	}
}

// A path is tried again after a wait that doubles, up to a minute.
func TestBackOff(t *testing.T) {
	now := time.Unix(1000, 0)
	var ps Paths
	wait := 200 * time.Millisecond
	for range 12 {
		ps.Fail("f", errDisk, now)
		if !ps.Waits("f", now.Add(wait-1)) || len(ps.DueInstalls(now.Add(wait-1))) != 0 {
			t.Errorf("tried again before %v", wait)
		}
		if next := ps.Next(now); !next.Equal(now.Add(wait)) {
			t.Errorf("next try after %v, want %v", next.Sub(now), wait)
		}
		now = now.Add(wait)
		if ps.Waits("f", now) || len(ps.DueInstalls(now)) != 1 {
			t.Errorf("not tried again after %v", wait)
		}
		if len(ps.DueInstalls(now.Add(wait/4))) != 0 || len(ps.DueInstalls(now.Add(2*wait))) != 1 {
			t.Error("that it is due is to be said once, and again if nothing comes of it")
		}
		wait = min(2*wait, time.Minute)
	}
	ps.Clear("f")
	if tries, err := ps.Failed("f"); tries != 0 || err != nil {
		t.Errorf("still failed: %d times, %v", tries, err)
	}
}

// What was looked at again and not found wanting is forgotten.
func TestWellAgain(t *testing.T) {
	now := time.Unix(1000, 0)
	var ps Paths
	for _, p := range []index.Path{"a", "d/b", "d/c"} {
		ps.Scan(scan.Problem{Path: p, Err: errDisk}, now)
	}
	ps.Recheck([]scan.Dirty{{Path: "d", Recursive: true}}, 7)
	ps.Scan(scan.Problem{Path: "d/c", Err: errDisk}, now)
	ps.WellAgain(7)
	list, _, failed := ps.Report()
	if failed != 2 || list[0].Path != "a" || list[1].Path != "d/c" {
		t.Errorf("left: %+v", list)
	}
}
