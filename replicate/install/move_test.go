package install

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"duet/diff"
	"duet/scan"
	"duet/store"
	"duet/store/index"
)

// The peer renames what has changed here, as the index knows by the time of the
// batch: the change stays under its old name, and the new name gets nothing of it.
func TestMoveOfWhatChanged(t *testing.T) {
	for name, change := range map[string]struct {
		do   func(full string) error
		text string
		mode uint32
	}{
		"content": {func(full string) error { return os.WriteFile(full, []byte(saved), 0o644) }, saved, 0o644},
		"mode":    {func(full string) error { return os.Chmod(full, 0o600) }, "old", 0o600},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, scratch(t))
			w.seed(tree{"d": dir(), "d/f": file("old")})
			want := tree{"d": dir(), "g": file("old")}
			w.hear(want)
			jobs := w.jobs(want, map[string]string{"g": "d/f"})
			if err := change.do(filepath.Join(w.root(), "d/f")); err != nil {
				t.Fatal(err)
			}
			w.noticeEdit("d/f", change.text)
			w.batch(jobs)
			now := w.onDisk()
			if x := now["d/f"]; x.text != change.text || x.mode != change.mode {
				t.Errorf("d/f is %+v", x)
			}
			if g, there := now["g"]; there && (g.text != "old" || g.mode != 0o644) {
				t.Errorf("g is %+v", g)
			}
			w.check(false)
		})
	}
}

// noticeEdit writes down what was done to a file, as an edit that did not know of the
// peer's.
func (w *world) noticeEdit(p index.Path, text string) {
	w.tb.Helper()
	info, err := w.files.Lstat(p)
	if err != nil {
		w.tb.Fatal(err)
	}
	w.update(func(tx *store.Tx) error {
		meta, err := tx.Meta()
		if err != nil {
			return err
		}
		r, err := tx.Get(p)
		if err != nil {
			return err
		}
		e := *r.Ours
		e.Hash, e.Size, e.Mode, e.ModTime = scan.SumBytes([]byte(text)), int64(len(text)), info.Stamp.Mode&0o777, info.Stamp.ModTime
		r.Ours = diff.Edited(r.Ours, &e, meta.Epoch, tx.Head()+1)
		r.Stamp, r.Next = info.Stamp, index.Wait
		if r.Pos, err = tx.Note(index.Event{Path: p, What: index.Changed, How: index.ByScan, Node: here, Entry: r.Ours}); err != nil {
			return err
		}
		return tx.Put(r)
	})
}

// A save at the new name, in the instant after the move, stays there; one that
// replaced the file at the old name, in the instant before, goes back there. Who
// wrote into the file itself has moved with it. (Seed 15092782 of the simulation:
// whatever was saved in these instants went to the old name.)
func TestMoveAndSave(t *testing.T) {
	for _, r := range races {
		if r.verb != "move" {
			continue
		}
		for _, u := range users {
			for _, when := range []string{"before", "after"} {
				t.Run(u.name+"/"+when, func(t *testing.T) { moveAndSave(t, r, u, when) })
			}
		}
	}
}

func moveAndSave(t *testing.T, r race, u user, when string) {
	w := newWorld(t, scratch(t))
	w.seed(tree{"d": dir(), "d/f": file("old")})
	w.hear(r.want)
	jobs := w.jobs(r.want, r.move)
	at := r.path
	if when == "after" {
		at = r.to
	}
	acted := false
	act := func(op string, _ index.Path) {
		if op == r.verb && !acted {
			acted = true
			if err := u.do(w, filepath.Join(w.root(), at)); err != nil {
				t.Error(err)
			}
			if when == "before" {
				time.Sleep(2 * scan.Tick) // the kernel's clock has to tell before from after
			}
		}
	}
	f := &fate{before: act}
	if when == "after" {
		f = &fate{after: act}
	}
	w.fated(f)
	w.batch(jobs)
	w.hook = nil
	want := r.to
	if when == "before" && strings.HasPrefix(u.name, "replaces") {
		want = r.path
	}
	if strings.HasSuffix(u.name, "directory") {
		want += "/inner"
	}
	now := w.onDisk()
	if got := now[want].text; got != u.text {
		t.Errorf("%s is %q, and there is %v", want, got, now)
	}
	for p, x := range now {
		if p != want && (x.text == u.text || x.text == "old") && x.text != "" {
			t.Errorf("%s is %q, too", p, x.text)
		}
	}
	w.check(false)
	w.noIntents()
}

// What a job was made from is not read again only while nothing has been committed
// since: what the peer has said meanwhile would be written over.
func TestHeardSinceTheJob(t *testing.T) {
	for name, moves := range map[string]map[string]string{"replaced": nil, "moved": {"g": "d/f"}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, scratch(t))
			w.seed(tree{"d": dir(), "d/f": file("old")})
			want, path := tree{"d": dir(), "d/f": file("new")}, index.Path("d/f")
			if moves != nil {
				want = tree{"d": dir(), "g": file("old")}
			}
			w.hear(want)
			jobs := w.jobs(want, moves)
			w.hear(tree{"d": dir(), "d/f": file("newer")})
			w.batch(jobs)
			w.view(func(tx *store.Tx) error {
				r, err := tx.Get(path)
				if err != nil {
					return err
				}
				if r.Theirs.LiveKind() != index.File || r.Theirs.Hash != scan.SumBytes([]byte("newer")) {
					t.Errorf("of what the peer said last the index has %+v", r.Theirs)
				}
				return nil
			})
			w.check(false)
		})
	}
}

// The records that jobs were made from are still those of whoever made them.
func TestKnownStaysAsItWas(t *testing.T) {
	w := newWorld(t, scratch(t))
	w.seed(tree{"d": dir(), "d/f": file("old"), "g": file("other")})
	want := tree{"d": dir(), "d/f": file("new"), "h": file("other")}
	w.hear(want)
	jobs := w.jobs(want, map[string]string{"h": "g"})
	var known []*index.Record
	var before []index.Record
	for i := range jobs {
		for _, r := range []*index.Record{jobs[i].Known, jobs[i].KnownFrom} {
			if r != nil {
				known, before = append(known, r), append(before, *r)
			}
		}
	}
	w.batch(jobs)
	for i, r := range known {
		if *r != before[i] {
			t.Errorf("%v was %+v, and is %+v", r.Path, before[i], *r)
		}
	}
	if len(known) < 3 {
		t.Errorf("only %d records are known", len(known))
	}
	w.check(false)
}
