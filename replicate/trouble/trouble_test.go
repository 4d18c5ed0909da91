package trouble

import (
	"errors"
	"fmt"
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

// Beyond a number, paths that cannot be installed wait together: they are not
// tried over and over, what is new is tried at once, and when all is well
// nothing is left of them.
func TestCrowd(t *testing.T) {
	now := time.Unix(1000, 0)
	var ps Paths
	fail := func() {
		for i := range maxPaths + 50 {
			ps.Fail(index.Path(fmt.Sprint(i)), errDisk, now)
		}
	}
	var wait time.Duration
	for walk := range 3 {
		fail()
		ps.Walked(500, now)
		wait = Backoff(walk + 1)
		last := index.Path(fmt.Sprint(maxPaths + 49))
		if !ps.InCrowd(last, 500, now.Add(wait-1)) || ps.InCrowd(last, 500, now.Add(wait)) {
			t.Errorf("walk %d: what is one too many does not wait for %v", walk, wait)
		}
		if ps.InCrowd("new", 501, now) || ps.InCrowd("0", 500, now) {
			t.Error("what was heard since, or is remembered by itself, waits with the crowd")
		}
		if ps.CrowdDue(now.Add(wait - 1)) {
			t.Error("due too early")
		}
		if _, _, failed := ps.Report(); walk == 2 && failed != maxPaths+50 {
			t.Errorf("%d have failed, want %d", failed, maxPaths+50)
		}
		ps.Walked(600, now.Add(wait-1)) // passes them by, and changes nothing
		now = now.Add(wait)
		if !ps.CrowdDue(now) || ps.CrowdDue(now) {
			t.Error("that it is due is to be said once")
		}
	}
	for i := range maxPaths {
		ps.Clear(index.Path(fmt.Sprint(i)))
	}
	ps.Walked(700, now)
	if _, _, failed := ps.Report(); failed != 0 || !ps.Next(now).IsZero() {
		t.Errorf("all is well, and %d are said to have failed", failed)
	}
}

// However many paths cannot be installed, one that could not be read forbids
// decisions; and so does one of too many of those.
func TestCrowdDoesNotUnblock(t *testing.T) {
	now := time.Unix(1000, 0)
	var ps Paths
	for i := range maxPaths + 1 {
		ps.Fail(index.Path(fmt.Sprint(i)), errDisk, now)
	}
	for i := range maxPaths {
		ps.Scan(scan.Problem{Path: index.Path(fmt.Sprintf("d/%d", i)), Err: errDisk}, now)
	}
	if !ps.Blocked("d/0") || !ps.Blocked(index.Path(fmt.Sprintf("d/%d", maxPaths-1))) {
		t.Error("a path that could not be read does not forbid decisions")
	}
	if ps.Blocked("e/f") {
		t.Error("what is well is blocked")
	}
	ps.Scan(scan.Problem{Path: "e/f", Err: errDisk}, now)
	if !ps.Blocked("e/f") {
		t.Error("one too many, and decisions are made there")
	}
	if len(ps.paths) > 2*maxPaths+1 {
		t.Errorf("%d paths are remembered", len(ps.paths))
	}
}
