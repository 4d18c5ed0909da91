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

// One removal after another is heard of: those that come while one was on its way are
// done together, a moment later; at once, if the peer says that those are all.
func TestRemovalsRest(t *testing.T) {
	for name, c := range map[string]struct {
		whole index.Seq
		after time.Duration
	}{"more may come": {0, 30 * time.Millisecond}, "these are all": {3, 0}} {
		t.Run(name, func(t *testing.T) {
			r, put := renaming(t)
			put("a", index.File, index.Gone, "")
			now := time.Unix(1e9, 0)
			look := func(m Moment) *Batch {
				t.Helper()
				m.Now, m.Drained = now, true
				r.Wake(now)
				for r.More() {
					b, _, err := r.Next(m)
					if err != nil {
						t.Fatal(err)
					}
					if b != nil {
						return b
					}
				}
				return nil
			}
			b := look(Moment{})
			if b == nil {
				t.Fatal("the first one waits")
			}
			r.Launch(b, nil, now)
			put("b", index.File, index.Gone, "")
			put("c", index.File, index.Gone, "")
			now = now.Add(10 * time.Millisecond)
			r.Landed(b, now)
			for waited := time.Duration(0); waited < time.Second; waited += time.Millisecond {
				if b := look(Moment{Heard: 3, Whole: c.whole}); b != nil {
					if waited != c.after {
						t.Errorf("the next ones after %v, want %v", waited, c.after)
					}
					return
				}
				now = now.Add(time.Millisecond)
			}
			t.Error("the next ones never come")
		})
	}
}
