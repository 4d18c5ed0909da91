package install

import (
	"testing"
)

// What was staged for a path may be dressed for another moment: since then the
// same content was touched, here or on the other host. It gets into the tree as
// the entry says, or the index would say so of a tree that is not, for ever.
// (Seed 15030571 of the simulation, in a ruling.)
func TestStagedForAnotherMoment(t *testing.T) {
	w := newWorld(t, scratch(t))
	w.seed(tree{"f": file("old"), "d": dir()})
	want := tree{"f": file("new").with(0o640, 77), "d": dir(), "d/g": file("more").with(0o600, 78)}
	w.hear(want)
	jobs := w.jobs(want, nil)
	for i := range jobs {
		jobs[i].Staged = w.stage(file(want[string(jobs[i].Path)].text).with(0o444, 5))
	}
	for _, o := range w.batch(jobs) {
		if !o.Done {
			t.Errorf("outcome %+v", o)
		}
	}
	now := w.onDisk()
	for _, p := range []string{"f", "d/g"} {
		if now[p] != want[p] {
			t.Errorf("%s is %+v, want %+v", p, now[p], want[p])
		}
	}
	w.check(true)
}
