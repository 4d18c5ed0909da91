package rounds

import (
	"testing"
	"time"

	"duet/recovery"
)

// While deletes come in that may soon be more than max_delete, none is done: what
// waits is withheld whole.
func TestGrowing(t *testing.T) {
	bounds, _, err := recovery.ParseBounds("100", nil)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Unix(1e9, 0)
	type look struct {
		after time.Duration
		heard int64
		waits bool
	}
	for name, looks := range map[string][]look{
		"few do not wait": {{0, 10, false}},
		"the rest is waited for, longer if it comes slowly": {
			{0, 60, true}, {50 * time.Millisecond, 90, true}, {150 * time.Millisecond, 90, true}, {201 * time.Millisecond, 90, false},
		},
		"they are done one after another": {{0, 60, true}, {101 * time.Millisecond, 60, false}, {110 * time.Millisecond, 55, false}},
		"more after a pause wait again":   {{0, 60, true}, {101 * time.Millisecond, 60, false}, {200 * time.Millisecond, 70, true}},
		"what does not end is not waited for": {
			{0, 60, true}, {2 * time.Second, 70, true}, {4 * time.Second, 80, true}, {6 * time.Second, 85, true}, {8 * time.Second, 90, true}, {10 * time.Second, 95, false},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Rounds{Options: Options{Bounds: bounds}}
			for _, l := range looks {
				todo := removals{all: l.heard, open: []open{{n: l.heard}}}
				if got := r.growing(todo, start.Add(l.after)); got != l.waits {
					t.Errorf("after %v, with %d heard: waits %v", l.after, l.heard, got)
				}
			}
		})
	}
}
