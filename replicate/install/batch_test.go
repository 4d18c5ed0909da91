package install

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"duet/recovery"
	"duet/scan"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// one runs a batch and returns the outcome of the job for p.
func (w *world) one(jobs []Job, p index.Path) Outcome {
	w.tb.Helper()
	out := w.batch(jobs)
	i := slices.IndexFunc(out, func(o Outcome) bool { return o.Path == p })
	if i < 0 {
		w.tb.Fatalf("no outcome for %v: %+v", p, out)
	}
	return out[i]
}

// TestDirectoryStays keeps a directory that has something in it which is to
// stay, whether it is to be removed or replaced.
func TestDirectoryStays(t *testing.T) {
	have := tree{"x": dir(), "x/a": file("a"), "to": dir()}
	for name, want := range map[string]tree{
		"removed":  {"to": dir()},
		"replaced": {"x": link("to"), "to": dir()},
	} {
		for what, stranger := range map[string]thing{"new file": file(saved), "new directory": dir(), "known file": file(saved)} {
			recorded := what == "known file"
			t.Run(name+" with "+what, func(t *testing.T) {
				w := newWorld(t, scratch(t))
				w.seed(have)
				w.hear(want)
				jobs := w.jobs(want, nil)
				w.write("x/new", stranger)
				if recorded {
					w.notice("x/new", stranger)
				}
				if o := w.one(jobs, "x"); !errors.Is(o.Err, ErrLive) || o.Done {
					t.Errorf("outcome %+v", o)
				}
				// Its unchanged sibling went.
				sameTree(t, w.onDisk(), tree{"x": dir(), "x/new": stranger, "to": dir()})
				w.noIntents()
				w.check(false)
			})
		}
	}
}

// TestDirectoryBusy does not take a directory away from under a writer, and
// then not its contents one by one either.
func TestDirectoryBusy(t *testing.T) {
	have := tree{"x": dir(), "x/a": file("a"), "x/b": file("b"), "to": dir()}
	want := tree{"x": link("to"), "to": dir()}
	w := newWorld(t, scratch(t))
	w.seed(have)
	w.hear(want)
	jobs := w.jobs(want, nil)
	writer, err := os.OpenFile(filepath.Join(w.root(), "x/b"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range w.batch(jobs) {
		if o.Done || o.Busy != (o.Path == "x") || o.Stale == o.Busy {
			t.Errorf("outcome %+v", o)
		}
	}
	sameTree(t, w.onDisk(), have)
	writer.Close()
	w.batch(w.jobs(want, nil))
	sameTree(t, w.onDisk(), want)
	w.check(true)
}

// TestOwnPath keeps the error of one path with that path.
func TestOwnPath(t *testing.T) {
	w := newWorld(t, scratch(t))
	want := tree{"d": dir(), "d/f": file("f"), "g": file("g"), "h": file("h")}
	w.hear(want)
	jobs := w.jobs(want, nil)
	for i := range jobs {
		switch jobs[i].Path {
		case "g":
			jobs[i].Staged = vfs.Held{}
		case "h":
			jobs[i].Staged.Name = "never-staged"
		}
	}
	jobs = slices.DeleteFunc(jobs, func(j Job) bool { return j.Path == "d" })
	jobs = append(jobs, jobs[0])
	var lost, parent, twice int
	for _, o := range w.batch(jobs) {
		switch {
		case errors.Is(o.Err, ErrTwice):
			twice++
		case errors.Is(o.Err, ErrParent) && o.Path == "d/f":
			parent++
		case o.Err != nil && o.Path != "d/f":
			lost++
		default:
			t.Errorf("outcome %+v", o)
		}
	}
	if lost != 2 || parent != 1 || twice != 1 {
		t.Errorf("%d lost, %d without parent, %d twice", lost, parent, twice)
	}
	w.replay()
	for _, o := range w.batch(w.jobs(want, nil)) {
		if !o.Done {
			t.Errorf("outcome %+v", o)
		}
	}
	sameTree(t, w.onDisk(), want)
	w.check(true)
}

// TestSpecial leaves alone what Duet does not sync, and says so.
func TestSpecial(t *testing.T) {
	for name, want := range map[string]tree{"placed": {"f": file("f")}, "replaced": {"g": file("new")}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, scratch(t))
			w.seed(tree{"g": file("old")})
			w.hear(want)
			jobs := slices.DeleteFunc(w.jobs(want, nil), func(j Job) bool { return !j.Entry.Live() })
			fifo := filepath.Join(w.root(), string(jobs[0].Path))
			os.Remove(fifo)
			if err := syscall.Mkfifo(fifo, 0o600); err != nil {
				t.Fatal(err)
			}
			if o := w.batch(jobs)[0]; !errors.Is(o.Err, vfs.ErrSpecial) || o.Done || o.Raced {
				t.Errorf("outcome %+v", o)
			}
			if info, err := os.Lstat(fifo); err != nil || info.Mode().Type() != os.ModeNamedPipe {
				t.Errorf("it is %v, %v", info, err)
			}
			w.noIntents()
		})
	}
}

// TestStale drops jobs that Recheck refuses, and refuses paths with an intent.
func TestStale(t *testing.T) {
	w := newWorld(t, scratch(t))
	want := tree{"f": file("f"), "g": file("g")}
	w.hear(want)
	jobs := w.jobs(want, nil)
	env := w.env()
	env.Recheck = func(r *index.Record, j *Job) bool { return j.Path != "f" }
	w.update(func(tx *store.Tx) error {
		_, err := tx.AddIntent(index.Intent{Verb: index.Place, Path: "g", Held: "x", Ino: 1, Entry: want["g"].entry(nil, there)})
		return err
	})
	out, err := Batch(context.Background(), w.st, w.files, env, jobs)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range out {
		if o.Done || o.Stale != (o.Path == "f") || errors.Is(o.Err, ErrPending) != (o.Path == "g") {
			t.Errorf("outcome %+v", o)
		}
	}
	if len(w.onDisk()) != 0 {
		t.Errorf("on disk: %v", w.onDisk())
	}
}

// conflict is a file that both changed, and the peer won.
func conflict(t *testing.T, top string) (*world, []Job) {
	w := newWorld(t, top)
	w.seed(tree{"f": file("mine")})
	want := tree{"f": file("theirs")}
	w.hear(want)
	jobs := w.jobs(want, nil)
	jobs[0].Reason = index.LostConflict
	jobs[0].Conflict = &index.Conflict{Winner: jobs[0].Entry, Rule: "newer"}
	return w, jobs
}

// TestConflict writes a lost conflict down, also if a crash comes between.
func TestConflict(t *testing.T) {
	for n := 0; ; n++ {
		w, jobs := conflict(t, scratch(t))
		f := &fate{stop: n}
		w.fated(f)
		_, err := Batch(context.Background(), w.st, w.files, w.env(), jobs)
		if n > f.ops {
			break
		}
		if n == 0 && err != nil {
			t.Fatal(err)
		}
		w.reboot()
		w.replay()
		conflicts := 0
		w.view(func(tx *store.Tx) error {
			for c, err := range tx.Conflicts() {
				if err != nil {
					return err
				}
				k, err := tx.GetKept(c.Kept)
				if err != nil || k == nil || !index.SameContent(k.Entry, c.Loser) || k.Reason != index.LostConflict || c.Path != "f" {
					t.Errorf("conflict %+v, kept %+v, %v", c, k, err)
				}
				conflicts++
			}
			return nil
		})
		theirs := w.onDisk()["f"].text == "theirs"
		if theirs != (conflicts == 1) {
			t.Errorf("stopped before operation %d: f is the peer's: %v, conflicts: %d", n, theirs, conflicts)
		}
		w.check(true)
		w.close()
	}
}

// TestOwn restores a kept version: the tree has it, the record does not yet,
// so that the next look finds an edit.
func TestOwn(t *testing.T) {
	for n := 0; ; n++ {
		w := newWorld(t, scratch(t))
		w.seed(tree{"f": file("now")})
		e := file("then").entry(index.Version{{Epoch: 5, Seq: 5}}, here)
		job := Job{Path: "f", Entry: e, Own: true, How: index.ByUser, Staged: w.stage(file("then"))}
		f := &fate{stop: n}
		w.fated(f)
		out, err := Batch(context.Background(), w.st, w.files, w.env(), []Job{job})
		if n > f.ops {
			break
		}
		if n == 0 && (err != nil || !out[0].Done || !out[0].Raced || out[0].Kept == 0) {
			t.Fatalf("outcomes %+v, %v", out, err)
		}
		w.reboot()
		w.replay()
		w.check(false)
		var r *index.Record
		w.view(func(tx *store.Tx) (err error) { r, err = tx.Get("f"); return err })
		if index.SameContent(r.Ours, e) {
			t.Errorf("the record has it already: %+v", r.Ours)
		}
		if got := w.onDisk()["f"].text; got == "then" && !slices.Equal(w.kept(), []string{"f overwritten now"}) || got != "then" && got != "now" {
			t.Errorf("stopped before operation %d: f is %q, kept %q", n, got, w.kept())
		}
		w.close()
	}
}

// TestCopyFails does not remove the source of a move that had to be a copy
// before the copy is in its place.
func TestCopyFails(t *testing.T) {
	for op, file1 := range map[string]string{"snapshot": "a", "swap": "b"} {
		t.Run(op, func(t *testing.T) {
			w := newWorld(t, scratch(t))
			w.seed(tree{"a": file("one"), "b": file("two")})
			want := tree{"b": file("one")}
			w.hear(want)
			jobs := w.jobs(want, map[string]string{"b": "a"})
			acted := false
			f := &fate{before: func(at string, p index.Path) {
				if at == op && !acted {
					acted = true
					if err := os.WriteFile(filepath.Join(w.root(), file1), []byte("1!!"), 0o644); err != nil {
						t.Error(err)
					}
				}
			}}
			w.fated(f)
			o := w.one(jobs, "b")
			if o.Done || errors.Is(o.Err, ErrContent) != (op == "snapshot") || o.Raced != (op == "swap") {
				t.Errorf("outcome %+v", o)
			}
			w.hook = nil
			if got := w.onDisk(); len(got) != 2 || got[file1].text != "1!!" || len(w.kept()) != 0 {
				t.Errorf("on disk %+v, kept %q", got, w.kept())
			}
			w.noIntents()
		})
	}
}

// TestPart leaves a transfer that was complete but not installed to be resumed.
func TestPart(t *testing.T) {
	for _, name := range []string{scan.SumBytes([]byte("new")).String() + recovery.PartSuffix, "0-1.new"} {
		for _, have := range []tree{{}, {"f": file("old")}} {
			w := newWorld(t, scratch(t))
			w.seed(have)
			want := tree{"f": file("new")}
			w.hear(want)
			j := w.jobs(want, nil)[0]
			if err := w.files.RenameHeld(j.Staged, vfs.Held{Area: vfs.Stage, Name: name}); err != nil {
				t.Fatal(err)
			}
			j.Staged.Name = name
			w.hook = func(stage string) error {
				if stage == "committed" {
					return errCrash
				}
				return nil
			}
			if _, err := Batch(context.Background(), w.st, w.files, w.env(), []Job{j}); err == nil {
				t.Fatal("no crash")
			}
			w.reboot()
			if r := w.replay(); r.Parts != 1 || r.Undone != 1 || r.Removed > 1 {
				t.Errorf("%v staged as %s: %+v", j.Path, name, r)
			}
		}
	}
}

// TestOrder has all names on stable storage before they are written down, and
// all intents written down before any name changes; each with one commit and
// one round of syncs.
func TestOrder(t *testing.T) {
	s := mixed()
	for p, x := range s.have { // taking apart what was replaced takes commits of its own
		if x.kind == index.Dir && s.want[p].kind == index.Symlink {
			s.want[p] = x
			s.want[p+"/inner"] = s.have[p+"/inner"]
		}
	}
	w, jobs := begin(t, scratch(t), s)
	var order []string
	s.want["new"] = dir()
	w.hear(s.want)
	jobs = append(jobs, Job{Path: "new", Entry: dir().entry(index.Version{{Epoch: peerEpoch, Seq: w.heard}}, there)})
	f := &fate{before: func(op string, _ index.Path) {
		switch op {
		case "place", "swap", "shelve", "move", "set metadata", "rename held":
			op = "change"
		case "commit", "sync", "sync seen":
		default:
			return
		}
		if len(order) == 0 || order[len(order)-1] != op || op == "commit" {
			order = append(order, op)
		}
	}}
	w.fated(f)
	w.batch(jobs)
	w.hook = nil
	if want := []string{"commit", "change", "sync seen", "sync", "commit"}; !slices.Equal(order, want) {
		t.Errorf("order %q, want %q", order, want)
	}
	for _, p := range []index.Path{index.Root, "dir0", "new"} {
		if !slices.Contains(f.synced, p) {
			t.Errorf("%v was not synced: %v", p, f.synced)
		}
	}
}

// TestCopy stages content that is here, and nothing else.
func TestCopy(t *testing.T) {
	w := newWorld(t, scratch(t))
	w.seed(tree{"f": file("here")})
	m := vfs.Meta{Mode: 0o640, ModTime: 123, UID: -1, GID: -1}
	to := vfs.Held{Area: vfs.Stage, Name: "copy"}
	stamp, err := Copy(w.files, Source{Path: "f"}, file("here").entry(nil, here), m, to)
	if err != nil || stamp.ModTime != 123 || stamp.Mode&0o7777 != 0o640 {
		t.Errorf("stamp %+v, %v", stamp, err)
	}
	again := vfs.Held{Area: vfs.Stage, Name: "again"}
	if _, err := Copy(w.files, Source{Held: to}, file("here").entry(nil, here), m, again); err != nil {
		t.Error(err)
	}
	_, err = Copy(w.files, Source{Path: "f"}, file("elsewhere").entry(nil, here), m, vfs.Held{Area: vfs.Stage, Name: "wrong"})
	if !errors.Is(err, ErrContent) {
		t.Errorf("got %v", err)
	}
	if left, _ := w.files.ListHeld(vfs.Stage); len(left) != 2 {
		t.Errorf("staged: %+v", left)
	}
	if r := w.replay(); r.Removed != 2 || r.Found != 0 {
		t.Errorf("replay: %+v", r)
	}
}

// TestLostIndex starts with a new index on a holding area that an interrupted
// swap left: what was in the tree is kept, not taken for a leftover.
func TestLostIndex(t *testing.T) {
	s := scenarios[1] // swap
	for n := 1; ; n++ {
		top := scratch(t)
		w, jobs := begin(t, top, s)
		f := &fate{stop: n}
		w.fated(f)
		_, _ = Batch(context.Background(), w.st, w.files, w.env(), jobs)
		if f.ops < n {
			return
		}
		w.hook = nil
		w.close()
		if err := os.Remove(filepath.Join(top, "index.db")); err != nil {
			t.Fatal(err)
		}
		w.open()
		report := w.replay()
		texts := w.texts()
		for _, x := range s.have {
			if x.kind == index.File && !texts[x.text] {
				t.Errorf("stopped before operation %d: %q is lost: %+v", n, x.text, report)
			}
		}
		w.check(false)
		w.close()
	}
}
