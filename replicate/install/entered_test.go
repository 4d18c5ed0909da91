package install

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"duet/store/index"
)

// The peer's directory is swapped in where somebody has just replaced the file
// by a directory of their own; before theirs is back, they make a file in the
// peer's. It belongs to them, and goes to theirs. (Seed 15019286 of the
// simulation: it stayed in the holding area until the next start.)
func TestRaceEntered(t *testing.T) {
	for name, c := range map[string]struct {
		theirs string // what else is in their directory
		want   string // what is in the tree at last
	}{
		"free":  {"other", saved},
		"taken": {"inner", "theirs"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, scratch(t))
			w.seed(tree{"f": file("old")})
			want := tree{"f": dir()}
			w.hear(want)
			jobs := w.jobs(want, nil)
			full := filepath.Join(w.root(), "f")
			swaps := 0
			f := &fate{}
			f.before = func(op string, _ index.Path) {
				if op != "swap" || swaps > 0 {
					return
				}
				if err := errors.Join(os.Remove(full), os.Mkdir(full, 0o755),
					os.WriteFile(filepath.Join(full, c.theirs), []byte("theirs"), 0o644)); err != nil {
					t.Error(err)
				}
			}
			f.after = func(op string, _ index.Path) {
				if op != "swap" {
					return
				}
				if swaps++; swaps > 1 {
					return
				}
				if err := errors.Join(os.Mkdir(filepath.Join(full, "deep"), 0o755),
					os.WriteFile(filepath.Join(full, "inner"), []byte(saved), 0o644)); err != nil {
					t.Error(err)
				}
			}
			w.fated(f)
			if o := w.one(jobs, "f"); !o.Raced || o.Done || o.Err != nil {
				t.Errorf("outcome %+v", o)
			}
			w.hook = nil
			w.check(false)
			now := w.onDisk()
			if got := now["f/inner"].text; got != c.want {
				t.Errorf("f/inner is %q, want %q; calls %q", got, c.want, f.log)
			}
			if now["f/deep"].kind != index.Dir {
				t.Errorf("the directory that they made is not there: %v", now)
			}
			if !w.texts()[saved] {
				t.Errorf("the save is lost: %v", w.texts())
			}
			w.noIntents()
		})
	}
}
