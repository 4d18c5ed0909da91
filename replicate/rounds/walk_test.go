package rounds

import (
	"testing"
	"time"

	"duet/store/index"
)

// A peer may announce any number of paths that nothing can be done with: the walk
// past them leaves the loop to others in between, and misses nothing that comes
// behind it meanwhile.
func TestWalkPauses(t *testing.T) {
	r := roundsOf(t)
	announce(t, r, 1, index.File, numbered("missing/", 2*maxPassed+100)...)
	now := time.Unix(1e9, 0)
	var found index.Path
	pauses := 0
	for i := 0; i < 10 && r.More(); i++ {
		passed := r.passed
		if !r.walking {
			passed = 0
		}
		b, _, err := r.Next(Moment{Now: now, Drained: true})
		if err != nil {
			t.Fatal(err)
		}
		if n := r.passed - passed; n > maxPassed {
			t.Errorf("one turn passed %d paths", n)
		}
		if b != nil {
			found = b.Jobs[0].Path
			break
		}
		if r.Paused() {
			if pauses++; pauses == 1 {
				announce(t, r, 1, index.File, "before") // the walk is past it
				r.Kick()
			}
		}
		now = now.Add(time.Second)
		r.Wake(now)
	}
	if pauses != 2 {
		t.Errorf("%d pauses", pauses)
	}
	if found != "before" {
		t.Errorf("found %q", found)
	}
}
