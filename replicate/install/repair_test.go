package install

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"duet/scan"
	"duet/store"
	"duet/store/index"
)

// spoilt is a world in which the content of f, and the target of l, are not
// what the index says, though their stamps are; and the jobs that mend that.
func spoilt(t *testing.T, top string) (*world, []Job) {
	t.Helper()
	w := newWorld(t, top)
	w.seed(tree{"f": file("good"), "l": link("good")})
	if err := os.Remove(filepath.Join(w.root(), "l")); err != nil {
		t.Fatal(err)
	}
	w.write("f", file("baD!"))
	w.write("l", link("bad!"))
	var jobs []Job
	for p, damaged := range map[index.Path]thing{"f": file("baD!"), "l": link("bad!")} {
		info, err := w.files.Lstat(p)
		if err != nil {
			t.Fatal(err)
		}
		w.update(func(tx *store.Tx) error {
			r, err := tx.Get(p)
			if err != nil {
				return err
			}
			r.Stamp = info.Stamp
			jobs = append(jobs, Job{
				Path: p, Entry: r.Ours, Repair: true, Damaged: damaged.entry(nil, here),
				What: index.Repaired, How: index.ByUser, By: here, Reason: index.Corrupt,
			})
			return tx.Put(r)
		})
	}
	for i := range jobs {
		if jobs[i].Path == "f" {
			jobs[i].Staged = w.stage(file("good"))
		}
	}
	return w, jobs
}

func (w *world) readlink(p string) string {
	to, err := os.Readlink(filepath.Join(w.root(), p))
	if err != nil {
		w.tb.Fatal(err)
	}
	return to
}

func (w *world) read(p string) string {
	b, err := os.ReadFile(filepath.Join(w.root(), p))
	if err != nil {
		w.tb.Fatal(err)
	}
	return string(b)
}

// keptCorrupt is what was kept of f, and by which hash the index knows it.
func (w *world) keptCorrupt() (text string, known index.Hash) {
	w.tb.Helper()
	w.view(func(tx *store.Tx) error {
		for k, err := range tx.AllKept() {
			if err != nil {
				return err
			}
			if k.Path != "f" {
				continue
			}
			if k.Reason != index.Corrupt {
				w.tb.Errorf("kept as %v", k.Reason)
			}
			b, err := os.ReadFile(filepath.Join(w.holding(), "kept", k.Held))
			if err != nil {
				return err
			}
			text, known = string(b), k.Entry.Hash
		}
		return nil
	})
	return text, known
}

func TestRepair(t *testing.T) {
	w, jobs := spoilt(t, scratch(t))
	before := w.record("f")
	for _, o := range w.batch(jobs) {
		if o.Err != nil || !o.Done || o.Raced || o.Kept == 0 {
			t.Errorf("%+v", o)
		}
	}
	if w.read("f") != "good" || w.readlink("l") != "good" {
		t.Errorf("f is %q, l is %q", w.read("f"), w.readlink("l"))
	}
	// The same version: nobody has edited anything.
	after := w.record("f")
	if !index.EqualEntries(after.Ours, before.Ours) || !after.Agreed() || after.Next != index.Nothing || after.Stamp == before.Stamp {
		t.Errorf("before %+v\nafter %+v", before, after)
	}
	if text, known := w.keptCorrupt(); text != "baD!" || known != scan.SumBytes([]byte("baD!")) {
		t.Errorf("kept %q, known as %v", text, known)
	}
	w.check(true)
	w.settled()
}

func (w *world) record(p index.Path) (r *index.Record) {
	w.view(func(tx *store.Tx) (err error) {
		r, err = tx.Get(p)
		return err
	})
	return r
}

// Who saves a damaged file has made an edit, and that stays.
func TestRepairMeetsAnEdit(t *testing.T) {
	for _, when := range []string{"before", "between"} {
		w, jobs := spoilt(t, scratch(t))
		edit := func() { w.write("f", file("an edit").with(0o644, 7)) }
		if when == "before" {
			edit()
		} else {
			f, once := &fate{}, sync.OnceFunc(edit)
			f.before = func(op string, p index.Path) {
				if op == "swap" && p == "f" {
					once()
				}
			}
			w.fated(f)
		}
		for _, o := range w.batch(jobs) {
			if o.Path == "f" && (o.Done || !o.Raced) {
				t.Errorf("%s: %+v", when, o)
			}
		}
		if got := w.read("f"); got != "an edit" {
			t.Errorf("%s: f is %q", when, got)
		}
		if text, _ := w.keptCorrupt(); text != "" {
			t.Errorf("%s: kept %q", when, text)
		}
	}
}

// A crash anywhere in a repair leaves the damaged file or the good one, whole,
// and what came out is kept as what it is.
func TestRepairCrash(t *testing.T) {
	done := 0
	for n := 1; ; n++ {
		top := scratch(t)
		w, jobs := spoilt(t, top)
		f := &fate{stop: n}
		w.fated(f)
		Batch(context.Background(), w.st, w.files, w.env(), jobs)
		ended := f.ops < f.stop
		w.reboot()
		w.replay()
		switch got := w.read("f"); got {
		case "baD!":
		case "good":
			done++
			if text, known := w.keptCorrupt(); text != "baD!" || known != scan.SumBytes([]byte("baD!")) {
				t.Errorf("after a crash at %d (%q): kept %q, known as %v", n, f.log, text, known)
			}
		default:
			t.Errorf("after a crash at %d (%q): f is %q", n, f.log, got)
		}
		if r := w.record("f"); r.Ours.Hash != scan.SumBytes([]byte("good")) {
			t.Errorf("after a crash at %d (%q): the damage has become an edit", n, f.log)
		}
		w.noIntents()
		w.close()
		removeAll(top)
		if ended {
			break
		}
	}
	if done < 2 {
		t.Errorf("only %d crashes came after the swap", done)
	}
}
