package install

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duet/integration/sim/memfs"
	"duet/recovery"
	"duet/scan"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// memory is a world on a disk that forgets, in a power failure, whatever was
// not synced. The index is on one that does not: that is bbolt's to prove.
func memory(t *testing.T, door memfs.Door) (*world, *memfs.Disk) {
	t.Helper()
	disk := memfs.New()
	w := &world{tb: t, top: scratch(t), files: disk.Open(door)}
	var err error
	w.st, err = store.Open(filepath.Join(w.top, "index.db"), store.Options{
		Share: "toy", Node: here,
		Commit: func(stage string) error {
			if w.hook != nil {
				return w.hook(stage)
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	return w, disk
}

// fill makes a tree on disk that the peer has as well.
func (w *world) fill(disk *memfs.Disk, have tree) {
	w.tb.Helper()
	people := memfs.People{D: disk}
	for _, p := range have.paths() {
		x := have[string(p)]
		var err error
		switch x.kind {
		case index.Dir:
			err = people.Mkdir(string(p))
		case index.Symlink:
			err = people.Symlink(x.text, string(p))
		default:
			err = errors.Join(people.Write(string(p), x.text), people.Chtimes(string(p), x.mtime))
		}
		if err != nil {
			w.tb.Fatal(err)
		}
		w.notice(string(p), x)
	}
	disk.Sync()
}

// contents are the files of a list, by what is in them, and all else by name.
func contents(things []memfs.Thing) []string {
	var out []string
	for _, x := range things {
		switch {
		case x.File():
			out = append(out, x.Path+" = "+x.Data+" "+fs.FileMode(x.Mode&0o777).String())
		case x.Link():
			out = append(out, x.Path+" -> "+x.Target)
		default:
			out = append(out, x.Path+"/")
		}
	}
	return out
}

// TestPowerLoss cuts the power in the instant in which the index says what was
// done: by then all of it must be on the disk as well.
func TestPowerLoss(t *testing.T) {
	have := tree{"d": dir(), "d/old": file("goes"), "f": file("old"), "l": link("f"), "m": file("mode"), "x": file("moves")}
	want := tree{"d": dir(), "d/new": file("new"), "e": dir(), "e/x": file("moves"), "f": file("newer"), "l": link("d"), "m": file("mode").with(0o600, 1_000_000_000)}
	moves := map[string]string{"e/x": "x"}
	for _, by := range []string{"batch", "replay"} {
		t.Run(by, func(t *testing.T) {
			fail := false
			w, disk := memory(t, func(op, path string) error {
				if op == "sync" && fail {
					return errCrash
				}
				return nil
			})
			w.fill(disk, have)
			w.hear(want)
			jobs := w.jobs(want, moves)
			commits := 0
			last := 2 // intents, and what was done
			w.hook = func(stage string) error {
				if stage != "committed" {
					return nil
				}
				if commits++; commits == last {
					first := true
					disk.Crash(func(n int) int { // the worst that can be
						worst := 1 % n
						if first {
							first, worst = false, 0
						}
						return worst
					})
					return errCrash
				}
				return nil
			}
			fail = by == "replay"
			_, err := Batch(context.Background(), w.st, w.files, w.env(), jobs)
			if fail {
				fail, last = false, commits+1
				_, err = recovery.Replay(context.Background(), w.st, w.files, w.env().Env)
			}
			if !errors.Is(err, errCrash) {
				t.Fatalf("no power failure: %v", err)
			}
			w.hook = nil
			got := contents(disk.Tree())
			if text := strings.Join(got, "\n"); !slices.Equal(got, []string{
				"d/", "d/new = new -rw-r--r--", "e/", "e/x = moves -rw-r--r--", "f = newer -rw-r--r--", "l -> d", "m = mode -rw-------",
			}) {
				t.Errorf("on the disk:\n%s", text)
			}
			kept := strings.Join(contents(disk.Area("kept")), "\n")
			for _, text := range []string{" = goes ", " = old ", " -> f"} {
				if !strings.Contains(kept, text) {
					t.Errorf("kept:\n%s\nwithout%s", kept, text)
				}
			}
			w.view(func(tx *store.Tx) error {
				r, err := tx.Get("f")
				if err == nil && (r.Ours.Size != 5 || !r.Agreed()) {
					t.Errorf("the index has f as %+v", r.Ours)
				}
				return err
			})
		})
	}
}

// TestPowerLossOfMetadata is TestPowerLoss where no name changes, so that no
// directory is synced.
func TestPowerLossOfMetadata(t *testing.T) {
	w, disk := memory(t, nil)
	w.fill(disk, tree{"m": file("mode")})
	want := tree{"m": file("mode").with(0o600, 1_000_000_000)}
	w.hear(want)
	for _, o := range w.batch(w.jobs(want, nil)) {
		if !o.Done {
			t.Fatalf("outcome %+v", o)
		}
	}
	disk.Crash(func(int) int { return 0 })
	if got := contents(disk.Tree()); !slices.Equal(got, []string{"m = mode -rw-------"}) {
		t.Errorf("on the disk: %q", got)
	}
}

// TestPowerLossOfUnreadable is TestPowerLossOfMetadata of a file that this user
// may not open any more, or not now: its metadata is no less on stable storage
// when the index says so. (Seed 10015956 of the simulation: what the power
// failure brought back became a newer edit, on both hosts.)
func TestPowerLossOfUnreadable(t *testing.T) {
	set := false
	w, disk := memory(t, func(op, path string) error {
		set = set || op == "set metadata"
		if set && op == "open" {
			return fs.ErrPermission
		}
		return nil
	})
	w.fill(disk, tree{"m": file("mode")})
	want := tree{"m": file("mode").with(0, 1_000_000_000)}
	w.hear(want)
	for _, o := range w.batch(w.jobs(want, nil)) {
		if !o.Done {
			t.Fatalf("outcome %+v", o)
		}
	}
	disk.Crash(func(int) int { return 0 })
	if got := contents(disk.Tree()); !slices.Equal(got, []string{"m = mode ----------"}) {
		t.Errorf("on the disk: %q", got)
	}
}

// TestPowerLossOfRacedSave: a save that no index ever had, and that has to be
// kept since its path is gone, is on stable storage before it is a kept version.
func TestPowerLossOfRacedSave(t *testing.T) {
	var people memfs.People
	swaps := 0
	w, disk := memory(t, func(op, path string) error {
		if op != "swap" {
			return nil
		}
		if swaps++; swaps == 1 {
			return people.Write("f", "saved in that instant")
		}
		return people.Remove("f")
	})
	people.D = disk
	w.fill(disk, tree{"f": file("old")})
	want := tree{"f": file("new")}
	w.hear(want)
	if _, err := Batch(context.Background(), w.st, w.files, w.env(), w.jobs(want, nil)); err != nil {
		t.Fatal(err)
	}
	first := true
	disk.Crash(func(n int) int { // all names survive, and nothing but the length of contents
		if first {
			first = false
			return n - 1
		}
		return 3
	})
	w.view(func(tx *store.Tx) error {
		for k, err := range tx.AllKept() {
			if err != nil {
				return err
			}
			for _, x := range disk.Area("kept") {
				if x.Path == k.Held && x.Data == "saved in that instant" && scan.SumBytes([]byte(x.Data)) == k.Entry.Hash {
					return nil
				}
			}
		}
		t.Errorf("kept: %q", contents(disk.Area("kept")))
		return nil
	})
}

// TestCopyOfSomethingElse: a file of the tree that the index no longer
// describes is not copied for what it once was, even if it is as long.
func TestCopyOfSomethingElse(t *testing.T) {
	w := newWorld(t, scratch(t))
	w.seed(tree{"a": file("one")})
	w.write("a", file("two"))
	h := vfs.Held{Area: vfs.Stage, Name: "copy"}
	_, err := Copy(w.files, Source{Path: "a"}, file("one").entry(nil, here), vfs.Meta{Mode: 0o644, UID: -1, GID: -1}, h)
	if !errors.Is(err, ErrContent) {
		t.Errorf("got %v, want %v", err, ErrContent)
	}
	if _, err := w.files.LstatHeld(h); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the copy is still staged: %v", err)
	}
}

// TestOneFails: what cannot be installed does not keep anything else from it.
func TestOneFails(t *testing.T) {
	w := newWorld(t, scratch(t))
	w.seed(tree{"f": file("old"), "q": file("goes")})
	want := tree{"a": file("a"), "f": file("new"), "no/parent": file("x"), "z": file("z")}
	w.hear(want)
	for _, o := range w.batch(w.jobs(want, nil)) {
		if fails := o.Path == "no/parent"; o.Done == fails || fails != errors.Is(o.Err, ErrParent) {
			t.Errorf("outcome %+v", o)
		}
	}
	delete(want, "no/parent")
	sameTree(t, w.onDisk(), want)
	w.noIntents()
}
