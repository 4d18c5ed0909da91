package install

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"duet/store/index"
)

// toClear is a directory that the peer has removed, beside something that stays.
func toClear() (have, want tree) {
	have = tree{"d": dir(), "d/f": file("f"), "d/g": file("g"), "d/sub": dir(), "d/sub/h": file("h"), "stays": file("stays")}
	return have, tree{"stays": file("stays")}
}

// shelved notes what is shelved, by its path or, from within a directory that is out
// of the tree, by its path in that; and has somebody act around the first time.
type shelved struct {
	paths         []index.Path
	before, after func()
}

func (s *shelved) fate() *fate {
	run := func(op string, f func()) {
		if op == "shelve" && len(s.paths) == 1 && f != nil {
			f()
		}
	}
	return &fate{
		before: func(op string, p index.Path) {
			if op == "shelve" {
				s.paths = append(s.paths, p)
			}
			run(op, s.before)
		},
		after: func(op string, _ index.Path) { run(op, s.after) },
	}
}

// A directory that is removed goes in one instant, and each of its files is a kept
// version of its own.
func TestDirectoryGoesAtOnce(t *testing.T) {
	have, want := toClear()
	w := newWorld(t, scratch(t))
	w.seed(have)
	w.hear(want)
	s := &shelved{}
	s.after = func() { sameTree(t, w.onDisk(), want) }
	w.fated(s.fate())
	for _, o := range w.batch(w.jobs(want, nil)) {
		if !o.Done || o.Raced || o.Err != nil {
			t.Errorf("outcome %+v", o)
		}
	}
	slices.Sort(s.paths)
	if got := []index.Path{"d", "f", "g", "sub/h"}; !slices.Equal(s.paths, got) {
		t.Errorf("shelved %q, want %q", s.paths, got)
	}
	if kept := w.kept(); len(kept) != 5 { // an empty directory, too
		t.Errorf("kept %q", kept)
	}
	w.check(true)
	w.settled()
}

// With something in it that is not to go, or that nobody has noticed, a directory is
// not taken away, not even for an instant.
func TestDirectoryGoesInParts(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world)
		stays  string
	}{
		"a file that nobody knows":                {func(w *world) { w.write("d/unknown", file(saved)) }, "d/unknown"},
		"a file that nobody knows, further below": {func(w *world) { w.write("d/sub/unknown", file(saved)) }, "d/sub/unknown"},
		"an edit that nobody has noticed": {func(w *world) {
			if err := os.WriteFile(filepath.Join(w.root(), "d/g"), []byte(saved), 0o644); err != nil {
				t.Fatal(err)
			}
		}, "d/g"},
		"a file that is being written": {func(w *world) {
			f, err := os.OpenFile(filepath.Join(w.root(), "d/g"), os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			w.tb.Cleanup(func() { _ = f.Close() })
		}, "d/g"},
	} {
		t.Run(name, func(t *testing.T) {
			have, want := toClear()
			w := newWorld(t, scratch(t))
			w.seed(have)
			c.change(w)
			w.hear(want)
			s := &shelved{}
			w.fated(s.fate())
			w.batch(w.jobs(want, nil))
			if slices.Contains(s.paths, "d") {
				t.Error("the directory was taken away")
			}
			if _, err := os.Lstat(filepath.Join(w.root(), c.stays)); err != nil {
				t.Error(err)
			}
			w.check(false)
			w.noIntents()
		})
	}
}

// A file that could not be removed keeps its directory from going out and coming back
// at each try.
func TestDirectoryGoesOnce(t *testing.T) {
	have, want := toClear()
	w := newWorld(t, scratch(t))
	w.seed(have)
	w.hear(want)
	s := &shelved{}
	w.fated(s.fate())
	jobs := w.jobs(want, nil)
	for i := range jobs {
		jobs[i].Single = jobs[i].Path == "d/sub/h"
	}
	w.batch(jobs)
	if slices.Contains(s.paths, "d") {
		t.Error("the directory was taken away")
	}
	sameTree(t, w.onDisk(), want)
	w.check(true)
	w.settled()
}

// What somebody saves in a directory in the instant before it goes comes back, with
// the directory; what is made under its name after that stays there, too.
func TestRaceOfClearedDirectory(t *testing.T) {
	for name, c := range map[string]struct {
		before, after map[string]string
		back          map[string]string
	}{
		"made":                     {before: map[string]string{"d/made": "1"}, back: map[string]string{"d/made": "1"}},
		"made below":               {before: map[string]string{"d/sub/made": "1"}, back: map[string]string{"d/sub/made": "1"}},
		"replaced":                 {before: map[string]string{"d/f": "1"}, back: map[string]string{"d/f": "1"}},
		"replaced below":           {before: map[string]string{"d/sub/h": "1"}, back: map[string]string{"d/sub/h": "1"}},
		"made again":               {after: map[string]string{"d/f": "2"}, back: map[string]string{"d/f": "2"}},
		"replaced and made again":  {before: map[string]string{"d/f": "1"}, after: map[string]string{"d/f": "2"}, back: map[string]string{"d/f": "2"}},
		"made, and the name taken": {before: map[string]string{"d/made": "1"}, after: map[string]string{"d/f": "2"}, back: map[string]string{"d/f": "2", "d/made": "1"}},
	} {
		t.Run(name, func(t *testing.T) {
			have, want := toClear()
			w := newWorld(t, scratch(t))
			w.seed(have)
			w.hear(want)
			put := func(texts map[string]string) func() {
				return func() {
					for p, text := range texts {
						w.replace(p, saved+text)
					}
				}
			}
			s := &shelved{before: put(c.before), after: put(c.after)}
			w.fated(s.fate())
			top := Outcome{}
			for _, o := range w.batch(w.jobs(want, nil)) {
				if o.Path == "d" {
					top = o
				}
			}
			if len(c.before) > 0 && top.Done || len(c.after) > 0 && !top.Raced {
				t.Errorf("outcome %+v", top)
			}
			got := w.onDisk()
			for p, text := range c.back {
				if got[p].text != saved+text {
					t.Errorf("%s is %+v, want %q", p, got[p], saved+text)
				}
			}
			texts := w.texts()
			for _, text := range []string{"g", "stays"} {
				if !texts[text] {
					t.Errorf("%q is lost", text)
				}
			}
			for _, m := range []map[string]string{c.before, c.after} {
				for p, text := range m {
					if !texts[saved+text] {
						t.Errorf("what was saved as %s is lost", p)
					}
				}
			}
			w.check(false)
			w.noIntents()
		})
	}
}

// replace puts a new file in the place of what is at p, as a program does that saves.
func (w *world) replace(p, text string) {
	full, tmp := filepath.Join(w.root(), p), filepath.Join(w.top, "tmp")
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		w.tb.Error(err)
	}
	if err := os.WriteFile(tmp, []byte(text), 0o644); err != nil {
		w.tb.Error(err)
	}
	if err := os.Rename(tmp, full); err != nil {
		w.tb.Error(err)
	}
}
