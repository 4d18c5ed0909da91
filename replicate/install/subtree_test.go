package install

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"duet/scan"
	"duet/store/index"
)

// oldAndNew is a directory that the peer has renamed.
func oldAndNew() (have, want tree, moves map[string]string) {
	have = tree{"old": dir(), "old/f": file("f"), "old/g": file("g"), "old/sub": dir(), "old/sub/h": file("h")}
	want = tree{"new": dir(), "new/f": file("f"), "new/g": file("g"), "new/sub": dir(), "new/sub/h": file("h")}
	moves = map[string]string{"new": "old", "new/f": "old/f", "new/g": "old/g", "new/sub": "old/sub", "new/sub/h": "old/sub/h"}
	return have, want, moves
}

// moved counts the calls that move something, and calls do around the first.
type moved struct {
	n             int
	before, after func()
}

func (m *moved) fate() *fate {
	run := func(f func()) {
		if m.n == 1 && f != nil {
			f()
		}
	}
	return &fate{
		before: func(op string, _ index.Path) {
			if op == "move" {
				m.n++
				run(m.before)
			}
		},
		after: func(op string, _ index.Path) {
			if op == "move" {
				run(m.after)
			}
		},
	}
}

func TestDirectoryMovesAtOnce(t *testing.T) {
	have, want, moves := oldAndNew()
	w := newWorld(t, scratch(t))
	w.seed(have)
	w.hear(want)
	m := &moved{}
	w.fated(m.fate())
	for _, o := range w.batch(w.jobs(want, moves)) {
		if !o.Done || o.Raced || o.Err != nil {
			t.Errorf("outcome %+v", o)
		}
	}
	if m.n != 1 {
		t.Errorf("%d calls to move one directory", m.n)
	}
	sameTree(t, w.onDisk(), want)
	w.check(true)
	w.settled()
}

// A directory with something in it that does not go along, or that is to be
// otherwise afterwards, is not moved as a whole.
func TestDirectoryMovesInParts(t *testing.T) {
	write := func(w *world, p string) {
		if err := os.WriteFile(filepath.Join(w.root(), p), []byte(saved), 0o644); err != nil {
			w.tb.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		change func(w *world, want tree)
		stays  string
	}{
		"a file that nobody knows":                {func(w *world, _ tree) { write(w, "old/unknown") }, "old/unknown"},
		"a file that nobody knows, further below": {func(w *world, _ tree) { write(w, "old/sub/unknown") }, "old/sub/unknown"},
		"an edit that nobody has noticed":         {func(w *world, _ tree) { write(w, "old/g") }, "old/g"},
		"another mode":                            {func(_ *world, want tree) { want["new"] = dir().with(0o750, 0) }, "old"},
		"another mode below":                      {func(_ *world, want tree) { want["new/sub"] = dir().with(0o750, 0) }, "old"},
	} {
		t.Run(name, func(t *testing.T) {
			have, want, moves := oldAndNew()
			w := newWorld(t, scratch(t))
			w.seed(have)
			c.change(w, want)
			w.hear(want)
			m := &moved{}
			w.fated(m.fate())
			done := map[index.Path]bool{}
			for _, o := range w.batch(w.jobs(want, moves)) {
				done[o.Path] = o.Done
				if o.Err != nil || o.Apart {
					t.Errorf("outcome %+v", o)
				}
			}
			if !done["new"] || !done["new/f"] || !done["new/sub/h"] {
				t.Errorf("done: %v", done)
			}
			if _, err := os.Lstat(filepath.Join(w.root(), c.stays)); err != nil {
				t.Error(err)
			}
			got := w.onDisk()
			for _, p := range []string{"new", "new/f", "new/sub", "new/sub/h"} {
				if got[p] != want[p] {
					t.Errorf("%s is %+v, want %+v", p, got[p], want[p])
				}
			}
			w.check(false)
			w.noIntents()
		})
	}
}

// What somebody brings into a directory in the instant before it is moved stays
// where it was made, and so does all the rest, until another batch. What is done
// under its new name stays there.
func TestRaceOfMovedDirectory(t *testing.T) {
	make := func(w *world, p string) {
		tmp := filepath.Join(w.top, "tmp")
		if err := os.WriteFile(tmp, []byte(saved), 0o644); err != nil {
			w.tb.Error(err)
		}
		if err := os.Rename(tmp, filepath.Join(w.root(), p)); err != nil {
			w.tb.Error(err)
		}
	}
	for name, c := range map[string]struct {
		before, after string
		raced         index.Path
	}{
		"made before":           {before: "old/made"},
		"made before, below":    {before: "old/sub/made"},
		"replaced before":       {before: "old/sub/h", raced: "new/sub/h"},
		"the new name is taken": {before: "new", raced: "new"},
		"made after":            {after: "new/made"},
		"made after, below":     {after: "new/sub/made"},
		"replaced after":        {after: "new/g", raced: "new/g"},
	} {
		t.Run(name, func(t *testing.T) {
			have, want, moves := oldAndNew()
			w := newWorld(t, scratch(t))
			w.seed(have)
			w.hear(want)
			m := &moved{}
			at, back := c.after, c.before != ""
			if back {
				at = c.before
				m.before = func() {
					make(w, at)
					time.Sleep(2 * scan.Tick) // the kernel's clock has to tell before from after
				}
			} else {
				m.after = func() { make(w, at) }
			}
			w.fated(m.fate())
			apart := false
			for _, o := range w.batch(w.jobs(want, moves)) {
				apart = apart || o.Apart
				if o.Done == back || o.Err != nil || o.Raced != (o.Path == c.raced) {
					t.Errorf("outcome %+v", o)
				}
			}
			if apart != back {
				t.Errorf("to be moved file by file: %v", apart)
			}
			got := w.onDisk()
			if got[at].text != saved {
				t.Errorf("the save is not where it was made: %+v", got)
			}
			stay := want
			if back {
				stay = have
			}
			for p := range stay {
				if _, there := got[p]; !there {
					t.Errorf("%s is not there", p)
				}
			}
			w.check(false)
			w.noIntents()
		})
	}
}

// If the old name is taken again by then, nothing goes back.
func TestRaceOfMovedDirectoryBothNames(t *testing.T) {
	have, want, moves := oldAndNew()
	w := newWorld(t, scratch(t))
	w.seed(have)
	w.hear(want)
	m := &moved{before: func() { w.write("old/made", file(saved)) }}
	m.after = func() {
		w.write("old", dir())
		w.write("old/mine", file("mine"))
	}
	w.fated(m.fate())
	for _, o := range w.batch(w.jobs(want, moves)) {
		if !o.Done || o.Err != nil {
			t.Errorf("outcome %+v", o)
		}
	}
	texts := w.texts()
	for _, text := range []string{"f", "g", "h", saved, "mine"} {
		if !texts[text] {
			t.Errorf("%q is lost", text)
		}
	}
	w.check(false)
	w.noIntents()
}
