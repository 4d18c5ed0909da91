package install

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"duet/store/index"
)

const (
	saved = "what the user saved just now"
	same  = "YOU" // as long as what is there
)

// user is what somebody does to the tree at the wrong moment.
type user struct {
	name string
	do   func(w *world, full string) error
	text string // what must survive
	gone bool   // the user deleted it
}

var users = []user{
	{name: "writes into it", text: saved, do: func(w *world, full string) error { return os.WriteFile(full, []byte(saved), 0o644) }},
	{name: "appends", text: "old" + saved, do: func(w *world, full string) error {
		f, err := os.OpenFile(full, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		f.WriteString(saved)
		return f.Close()
	}},
	{name: "writes as many bytes", text: same, do: func(w *world, full string) error { return os.WriteFile(full, []byte(same), 0o644) }},
	{name: "replaces it", text: saved, do: func(w *world, full string) error {
		tmp := filepath.Join(w.top, "tmp")
		if err := os.WriteFile(tmp, []byte(saved), 0o644); err != nil {
			return err
		}
		return os.Rename(tmp, full)
	}},
	{name: "replaces it by a directory", text: saved, do: func(w *world, full string) error {
		if err := os.RemoveAll(full); err != nil {
			return err
		}
		if err := os.Mkdir(full, 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(full, "inner"), []byte(saved), 0o644)
	}},
	{name: "deletes it", gone: true, do: func(w *world, full string) error { return os.Remove(full) }},
}

// race is one change of the peer's to one file, and the verb that makes it.
type race struct {
	verb string
	want tree
	move map[string]string
	path string // where the user acts: before the verb, after it
	to   string
}

var races = []race{
	{verb: "swap", want: tree{"d": dir(), "d/f": file("new")}, path: "d/f", to: "d/f"},
	{verb: "shelve", want: tree{"d": dir()}, path: "d/f", to: "d/f"},
	{verb: "set metadata", want: tree{"d": dir(), "d/f": file("old").with(0o600, 99)}, path: "d/f", to: "d/f"},
	{verb: "move", want: tree{"d": dir(), "g": file("old")}, move: map[string]string{"g": "d/f"}, path: "d/f", to: "g"},
	{verb: "move", want: tree{"d": dir(), "g": file("old").with(0o600, 99)}, move: map[string]string{"g": "d/f"}, path: "d/f", to: "g"},
	{verb: "move", want: tree{"e": dir(), "e/f": file("old")}, move: map[string]string{"e": "d", "e/f": "d/f"}, path: "d/f", to: "e/f"},
}

// TestRace lets somebody change the path between the check and the verb, and
// between the verb and the look. What they saved is in the tree afterwards.
func TestRace(t *testing.T) {
	for _, r := range races {
		for _, u := range users {
			for _, when := range []string{"before", "after"} {
				t.Run(r.verb+"/"+u.name+"/"+when, func(t *testing.T) {
					t.Parallel()
					raceOnce(t, r, u, when)
				})
			}
		}
	}
}

// acts lets the user act once, before or after the verb of the race.
func (u user) acts(w *world, r race, when string, f *fate) *bool {
	acted := new(bool)
	act := func(path string) func(op string, p index.Path) {
		return func(op string, p index.Path) {
			if op != r.verb || *acted {
				return
			}
			*acted = true
			if err := u.do(w, filepath.Join(w.root(), path)); err != nil && !os.IsNotExist(err) {
				w.tb.Error(err)
			}
		}
	}
	if when == "before" {
		f.before = act(r.path)
	} else {
		f.after = act(r.to)
	}
	return acted
}

func raceOnce(t *testing.T, r race, u user, when string) {
	w := newWorld(t, scratch(t))
	w.seed(tree{"d": dir(), "d/f": file("old")})
	w.hear(r.want)
	jobs := w.jobs(r.want, r.move)
	f := &fate{}
	acted := u.acts(w, r, when, f)
	w.fated(f)
	out := w.batch(jobs)
	w.hook = nil
	if !*acted {
		t.Fatalf("%s was never called", r.verb)
	}
	w.check(false)
	texts := w.texts()
	if u.text == saved && !texts[saved] || u.text == same && !texts[same] {
		t.Errorf("the save is lost: %v", texts)
	}
	raced := false
	for _, o := range out {
		raced = raced || o.Raced || o.Busy
		if o.Err != nil {
			t.Errorf("outcome %+v", o)
		}
	}
	// To delete what is to be deleted, or to append to what is gone, is no
	// race; and once metadata is set there is nothing more to look at.
	harmless := r.verb == "shelve" && (u.gone || when == "after" && u.name == "appends") ||
		r.verb == "set metadata" && when == "after"
	if !raced && !harmless {
		t.Errorf("nobody noticed: outcomes %+v, calls %q", out, f.log)
	}
	inTree(t, w, r, u, when, texts)
	for i, j := range jobs {
		if _, err := w.files.LstatHeld(j.Staged); j.Staged.Name != "" && !out[i].Done && err != nil {
			t.Errorf("what was staged is not there for a retry: %v", err)
		}
	}
	w.replay()
	w.check(false)
	w.noIntents()
}

// TestRaceAndCrash is TestRace with a crash at every later moment: the replay
// looks at what came out as the batch would have.
func TestRaceAndCrash(t *testing.T) {
	for _, r := range races {
		for _, u := range users {
			t.Run(r.verb+"/"+u.name, func(t *testing.T) {
				t.Parallel()
				for _, when := range []string{"before", "after"} {
					for n := 1; raceAndCrash(t, r, u, when, n); n++ {
						if t.Failed() {
							t.Fatalf("%s, and stopped before operation %d", when, n)
						}
					}
				}
			})
		}
	}
}

func raceAndCrash(t *testing.T, r race, u user, when string, n int) bool {
	w := newWorld(t, scratch(t))
	defer w.close()
	w.seed(tree{"d": dir(), "d/f": file("old")})
	w.hear(r.want)
	jobs := w.jobs(r.want, r.move)
	f := &fate{stop: n}
	acted := u.acts(w, r, when, f)
	w.fated(f)
	_, _ = Batch(context.Background(), w.st, w.files, w.env(), jobs)
	w.reboot()
	w.replay()
	w.check(false)
	w.noIntents()
	if *acted {
		inTree(t, w, r, u, when, w.texts())
	}
	if t.Failed() {
		t.Logf("before the crash: %q", f.log)
	}
	return f.ops >= n
}

// TestRaceTwice lets somebody save again while their first save is being put
// back: the tree has the last one, and the first is kept.
func TestRaceTwice(t *testing.T) {
	w := newWorld(t, scratch(t))
	w.seed(tree{"f": file("old")})
	want := tree{"f": file("new")}
	w.hear(want)
	jobs := w.jobs(want, nil)
	saves := 0
	f := &fate{before: func(op string, p index.Path) {
		if op == "swap" && saves < 3 {
			saves++
			tmp := filepath.Join(w.top, "tmp")
			text := saved + strconv.Itoa(saves)
			if err := errors.Join(os.WriteFile(tmp, []byte(text), 0o644), os.Rename(tmp, filepath.Join(w.root(), "f"))); err != nil {
				t.Error(err)
			}
		}
	}}
	w.fated(f)
	if o := w.one(jobs, "f"); !o.Raced || o.Done || o.Err != nil {
		t.Errorf("outcome %+v", o)
	}
	w.hook = nil
	if got := w.onDisk()["f"].text; got != saved+"3" {
		t.Errorf("f is %q", got)
	}
	w.check(false)
	w.noIntents()
}

// TestUnseenEdit leaves alone what was changed after the last scan.
func TestUnseenEdit(t *testing.T) {
	for _, r := range races {
		for _, u := range users {
			if u.gone {
				continue
			}
			t.Run(r.verb+"/"+u.name, func(t *testing.T) {
				w := newWorld(t, scratch(t))
				w.seed(tree{"d": dir(), "d/f": file("old")})
				w.hear(r.want)
				jobs := w.jobs(r.want, r.move)
				if err := u.do(w, filepath.Join(w.root(), "d/f")); err != nil {
					t.Fatal(err)
				}
				before := w.onDisk()
				f := &fate{before: func(op string, p index.Path) {
					if op == r.verb {
						t.Errorf("%s %v was called", op, p)
					}
				}}
				w.fated(f)
				for _, o := range w.batch(jobs) {
					if o.Path == "e" && o.Done { // the new name of the directory in which it is
						before["e"] = dir()
						continue
					}
					if !o.Raced || o.Done || o.Err != nil {
						t.Errorf("outcome %+v", o)
					}
				}
				w.hook = nil
				sameTree(t, w.onDisk(), before)
			})
		}
	}
}

// inTree checks that the save is in the tree itself, not only among the kept.
func inTree(t *testing.T, w *world, r race, u user, when string, texts map[string]bool) {
	t.Helper()
	if u.text != saved && u.text != same {
		if r.verb != "swap" && when == "before" && u.name == "appends" && !texts[u.text] {
			t.Errorf("what was appended is lost: %v", texts)
		}
		return
	}
	for _, x := range w.onDisk() {
		if x.text == u.text {
			return
		}
	}
	t.Errorf("the save is not in the tree but kept: %q", w.kept())
}

// TestWriter lets a process open the file between the check and the verb,
// and write only when all is over: its bytes must not go into a kept version.
func TestWriter(t *testing.T) {
	for _, r := range races {
		t.Run(r.verb, func(t *testing.T) {
			w := newWorld(t, scratch(t))
			w.seed(tree{"d": dir(), "d/f": file("old")})
			w.hear(r.want)
			jobs := w.jobs(r.want, r.move)
			var writer *os.File
			f := &fate{before: func(op string, p index.Path) {
				if op == r.verb && writer == nil {
					var err error
					if writer, err = os.OpenFile(filepath.Join(w.root(), "d/f"), os.O_WRONLY|os.O_APPEND, 0); err != nil {
						t.Error(err)
					}
				}
			}}
			w.fated(f)
			out := w.batch(jobs)
			w.hook = nil
			if r.verb == "set metadata" && !out[0].Busy {
				t.Errorf("nobody noticed: %+v", out)
			}
			if _, err := writer.WriteString(saved); err != nil {
				t.Error(err)
			}
			writer.Close()
			found := false
			for _, x := range w.onDisk() {
				found = found || x.text == "old"+saved
			}
			if !found {
				t.Errorf("what was written is not in the tree: kept %q, outcomes %+v", w.kept(), out)
			}
			w.check(false)
		})
	}
}

// TestOpenForWriting leaves alone what is open for writing to begin with.
func TestOpenForWriting(t *testing.T) {
	for _, r := range races {
		if r.verb == "move" {
			continue // the writer goes on writing at the new name
		}
		t.Run(r.verb, func(t *testing.T) {
			w := newWorld(t, scratch(t))
			w.seed(tree{"d": dir(), "d/f": file("old")})
			w.hear(r.want)
			jobs := w.jobs(r.want, r.move)
			writer, err := os.OpenFile(filepath.Join(w.root(), "d/f"), os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer writer.Close()
			for _, o := range w.batch(jobs) {
				if !o.Busy || o.Done {
					t.Errorf("outcome %+v", o)
				}
			}
			sameTree(t, w.onDisk(), tree{"d": dir(), "d/f": file("old")})
			w.check(true)
			w.noIntents()
		})
	}
}

// TestRacePlace lets somebody create the path before it is placed: the first
// one has it, and the peer's waits.
func TestRacePlace(t *testing.T) {
	want := tree{"f": file("the peer's"), "e": dir(), "l": link("f")}
	for _, p := range []string{"f", "e", "l"} {
		t.Run(p, func(t *testing.T) {
			w := newWorld(t, scratch(t))
			w.hear(want)
			jobs := w.jobs(want, nil)
			f := &fate{before: func(op string, at index.Path) {
				if op == "place" && string(at) == p {
					w.write(p, file(saved))
				}
			}}
			w.fated(f)
			for _, o := range w.batch(jobs) {
				if o.Raced != (string(o.Path) == p) || o.Done == o.Raced || o.Err != nil {
					t.Errorf("outcome %+v", o)
				}
			}
			if got := w.onDisk()[p]; got.text != saved {
				t.Errorf("got %+v", got)
			}
			w.check(false)
			w.noIntents()
		})
	}
}

// TestRaceInside lets somebody save inside a directory that is about to go as
// a whole, before and after it went.
func TestRaceInside(t *testing.T) {
	for _, when := range []string{"before", "after"} {
		t.Run(when, func(t *testing.T) {
			w := newWorld(t, scratch(t))
			w.seed(tree{"x": dir(), "x/d": dir(), "x/d/f": file("old"), "to": dir()})
			want := tree{"x": link("to"), "to": dir()}
			w.hear(want)
			jobs := w.jobs(want, nil)
			// A process that works in the directory reaches it wherever it is.
			inside, err := os.Open(filepath.Join(w.root(), "x/d"))
			if err != nil {
				t.Fatal(err)
			}
			defer inside.Close()
			f := &fate{}
			act := func(op string, p index.Path) {
				if op == "swap" && p == "x" && f.ops < 1000 {
					f.ops = 1000
					if err := os.WriteFile(procFile(inside)+"/f", []byte(saved), 0o644); err != nil {
						t.Error(err)
					}
				}
			}
			if when == "before" {
				f.before = act
			} else {
				f.after = act
			}
			w.fated(f)
			out := w.batch(jobs)
			w.hook = nil
			if got := w.onDisk()["x/d/f"]; got.text != saved {
				t.Errorf("x/d/f is %+v, outcomes %+v", got, out)
			}
			w.check(false)
			w.noIntents()
		})
	}
}

// TestRaceWhileUnfolding lets a process that works in a directory go on saving
// there while it is taken apart.
func TestRaceWhileUnfolding(t *testing.T) {
	w := newWorld(t, scratch(t))
	w.seed(tree{"x": dir(), "x/d": dir(), "x/d/f": file("f"), "x/d/g": file("g"), "to": dir()})
	want := tree{"x": link("to"), "to": dir()}
	w.hear(want)
	jobs := w.jobs(want, nil)
	inside, err := os.Open(filepath.Join(w.root(), "x/d"))
	if err != nil {
		t.Fatal(err)
	}
	defer inside.Close()
	f := &fate{before: func(op string, p index.Path) {
		if op == "shelve" && p == "d/f" {
			err := errors.Join(
				os.WriteFile(procFile(inside)+"/g", []byte(saved), 0o644),
				os.WriteFile(procFile(inside)+"/late", []byte("late"), 0o644))
			if err != nil {
				t.Error(err)
			}
		}
	}}
	w.fated(f)
	w.batch(jobs)
	w.hook = nil
	sameTree(t, w.onDisk(), want)
	w.check(true)
	w.settled()
	if got := w.kept(); !slices.Equal(got, []string{"x overwritten directory", "x/d/f overwritten f", "x/d/g raced " + saved}) {
		t.Errorf("kept %q", got)
	}
	if !w.texts()["late"] {
		t.Error("what was made last is lost")
	}
}

func procFile(f *os.File) string {
	return filepath.Join("/proc/self/fd", strconv.Itoa(int(f.Fd())))
}
