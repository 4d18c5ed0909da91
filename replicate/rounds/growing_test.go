package rounds

import (
	"testing"
	"time"

	"duet/recovery"
	"duet/store/index"
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
				if got := r.growing(todo, Moment{Now: start.Add(l.after)}); got != l.waits {
					t.Errorf("after %v, with %d heard: waits %v", l.after, l.heard, got)
				}
			}
		})
	}
}

// If the peer says that this is all, there is nothing to wait for; but it has to
// be just this, heard to the end.
func TestGrowingIsOver(t *testing.T) {
	bounds, _, err := recovery.ParseBounds("100", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		upto, whole, heard index.Seq
		waits              bool
	}{
		"nothing is said":           {50, 0, 50, true},
		"this is all":               {50, 50, 50, false},
		"more has come of others":   {50, 50, 70, false},
		"this was all before":       {50, 40, 50, true},
		"it is said ahead of it":    {50, 60, 50, true},
		"it is said of all to come": {50, 1<<64 - 1, 50, true},
	} {
		r := &Rounds{Options: Options{Bounds: bounds}}
		todo := removals{all: 60, upto: c.upto, open: []open{{n: 60}}}
		if got := r.growing(todo, Moment{Now: time.Unix(1e9, 0), Heard: c.heard, Whole: c.whole}); got != c.waits {
			t.Errorf("%s: waits %v", name, got)
		}
	}
}
