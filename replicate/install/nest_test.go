package install

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// nested is a world that is about to get a directory with three files.
func nested(t *testing.T) (*world, []Job, tree) {
	want := tree{"d": dir(), "d/a": file("a"), "d/b": file("b"), "d/c": file("c")}
	w := newWorld(t, scratch(t))
	w.nest = true
	w.hear(want)
	return w, w.jobs(want, nil), want
}

// A new directory that was staged with its files is placed by one call.
func TestNest(t *testing.T) {
	w, jobs, want := nested(t)
	f := &fate{}
	w.fated(f)
	for _, o := range w.batch(jobs) {
		if !o.Done || o.Raced || o.Err != nil {
			t.Errorf("outcome %+v", o)
		}
	}
	sameTree(t, w.onDisk(), want)
	var placed []string
	for _, op := range f.log {
		if strings.HasPrefix(op, "place ") {
			placed = append(placed, op)
		}
	}
	if !slices.Equal(placed, []string{"place d"}) {
		t.Errorf("placed one by one: %q", placed)
	}
	w.check(true)
	w.settled()
	for _, p := range want.paths() { // else a look would read all of it again
		info, err := w.files.Lstat(p)
		w.view(func(tx *store.Tx) error {
			if r, e := tx.Get(p); e != nil || err != nil || r.Stamp != info.Stamp {
				t.Errorf("%v has the stamp %+v, on record is %+v %v %v", p, info.Stamp, r, e, err)
			}
			return nil
		})
	}
}

// Only what is to be installed is placed with the directory: no part of what could
// not be staged, and nothing that was decided otherwise since.
func TestNestHoldsOnlyWhatIsWanted(t *testing.T) {
	w, jobs, want := nested(t)
	in := jobs[slices.IndexFunc(jobs, func(j Job) bool { return j.Path == "d" })].Staged.Name
	w.stageAt(vfs.Held{Area: vfs.Stage, In: in, Name: "part"}, file("half a fi"))
	env := w.env()
	env.Recheck = func(r *index.Record, j *Job) bool { return j.Path != "d/b" }
	out, err := Batch(context.Background(), w.st, w.files, env, jobs)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range out {
		if o.Done == o.Stale || o.Stale != (o.Path == "" || o.Path == "d/b") {
			t.Errorf("outcome %+v", o)
		}
	}
	delete(want, "d/b")
	sameTree(t, w.onDisk(), want)
	w.check(true)
}

// Where somebody has just made a directory of that name, the files are placed in
// that one, and none of it is lost.
func TestNestInTheWay(t *testing.T) {
	w, jobs, _ := nested(t)
	full := func(p string) string { return filepath.Join(w.root(), p) }
	f := &fate{before: func(op string, p index.Path) {
		if op == "place" && p == "d" {
			if err := os.Mkdir(full("d"), 0o755); err != nil {
				t.Error(err)
			}
			if err := os.WriteFile(full("d/a"), []byte("saved"), 0o644); err != nil {
				t.Error(err)
			}
		}
	}}
	w.fated(f)
	for _, o := range w.batch(jobs) {
		if raced := o.Path == "d" || o.Path == "d/a"; o.Raced != raced || o.Done == raced || o.Err != nil {
			t.Errorf("outcome %+v", o)
		}
	}
	for p, text := range map[string]string{"d/a": "saved", "d/b": "b", "d/c": "c"} {
		if got, err := os.ReadFile(full(p)); string(got) != text {
			t.Errorf("%s has %q, want %q: %v", p, got, text, err)
		}
	}
}

// What is not there any more when the directory is to be placed has to come again,
// and nobody says meanwhile that it is here.
func TestNestWithoutAFile(t *testing.T) {
	w, jobs, _ := nested(t)
	in := jobs[slices.IndexFunc(jobs, func(j Job) bool { return j.Path == "d" })].Staged.Name
	if err := w.files.RemoveHeld(vfs.Held{Area: vfs.Stage, In: in, Name: "b"}); err != nil {
		t.Fatal(err)
	}
	for _, o := range w.batch(jobs) {
		if o.Done && o.Path == "d/b" || o.Err == nil && !o.Done {
			t.Errorf("outcome %+v", o)
		}
	}
	w.check(true)
}
