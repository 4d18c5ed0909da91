package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"duet/diff"
	"duet/recovery"
	"duet/recovery/landing"
	"duet/scan"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

const (
	here      index.NodeID = 0xa
	there     index.NodeID = 0xb
	peerEpoch index.Epoch  = 77
)

// thing is one path of a toy tree.
type thing struct {
	kind  index.Kind
	text  string // content, or target
	mode  uint32
	mtime int64
}

func file(text string) thing   { return thing{index.File, text, 0o644, 1_000_000_000} }
func link(target string) thing { return thing{index.Symlink, target, 0, 1_000_000_000} }
func dir() thing               { return thing{kind: index.Dir, mode: 0o755} }

func (x thing) with(mode uint32, mtime int64) thing { x.mode, x.mtime = mode, mtime; return x }

// tree is a toy tree: what is where.
type tree map[string]thing

func (tr tree) paths() []index.Path {
	var out []index.Path
	for p := range tr {
		out = append(out, index.Path(p))
	}
	slices.SortFunc(out, index.Path.Compare)
	return out
}

func (x thing) entry(v index.Version, origin index.NodeID) *index.Entry {
	e := &index.Entry{Kind: x.kind, Mode: x.mode, ModTime: x.mtime, Version: v, Origin: origin}
	switch x.kind {
	case index.File:
		e.Hash, e.Size = scan.SumBytes([]byte(x.text)), int64(len(x.text))
	case index.Symlink:
		e.Target = x.text
	}
	return e
}

// world is one node's share on a real filesystem.
type world struct {
	tb     testing.TB
	top    string
	files  vfs.Files // as Batch and Replay see it
	st     *store.Store
	hook   func(stage string) error
	heard  index.Seq // the peer's journal, so far
	serial int
	nest   bool // new directories are staged with what is in them
}

// scratch is memory if there is some: what is tested is not the disk.
func scratch(tb testing.TB) string {
	for _, base := range []string{"/dev/shm", ""} {
		if dir, err := os.MkdirTemp(base, "duet-test"); err == nil {
			tb.Cleanup(func() { removeAll(dir) })
			return dir
		}
	}
	return tb.TempDir()
}

// removeAll removes read-only directories, too.
func removeAll(top string) {
	filepath.WalkDir(top, func(full string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(full, 0o700)
		}
		return nil
	})
	os.RemoveAll(top)
}

func newWorld(tb testing.TB, top string) *world {
	tb.Helper()
	w := &world{tb: tb, top: top}
	if err := os.MkdirAll(w.root(), 0o755); err != nil {
		tb.Fatal(err)
	}
	w.open()
	tb.Cleanup(w.close)
	return w
}

func (w *world) root() string    { return filepath.Join(w.top, "root") }
func (w *world) holding() string { return filepath.Join(w.top, "held") }

func (w *world) open() {
	w.tb.Helper()
	files, err := vfs.Open(w.root(), vfs.Options{Holding: w.holding()})
	if err != nil {
		w.tb.Fatal(err)
	}
	w.files = files
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
		w.tb.Fatal(err)
	}
}

func (w *world) close() {
	if w.st == nil {
		return
	}
	if err := errors.Join(w.st.Close(), w.files.Close()); err != nil {
		w.tb.Error(err)
	}
	w.st = nil
}

// reboot is a start after a crash: nothing but the disk is left.
func (w *world) reboot() {
	w.hook = nil
	w.close()
	w.open()
}

func (w *world) env() Env {
	decide := func(r *index.Record) diff.Verdict {
		return diff.Decide(r.Ours, r.Theirs, diff.Policy{Self: here, Peer: there})
	}
	env := Env{Env: landing.Env{
		Now:  time.Now,
		Node: here,
		Meta: func(want *index.Entry, _ *index.Record) vfs.Meta {
			return vfs.Meta{Mode: want.Mode, ModTime: want.ModTime, UID: -1, GID: -1}
		},
		Next: func(r *index.Record) index.Next { return diff.Next(decide(r)) },
		Doomed: func(r *index.Record) *index.Entry {
			if v := decide(r); v.Act == diff.Take && !v.Entry.Live() {
				return v.Entry
			}
			return nil
		},
	}}
	if os.Geteuid() != 0 {
		env.Opened = func([]index.Path) {} // leftOpen finds them
	}
	return env
}

// write puts something into the tree as a user would.
func (w *world) write(p string, x thing) {
	w.tb.Helper()
	full := filepath.Join(w.root(), p)
	var err error
	switch x.kind {
	case index.Dir:
		err = errors.Join(os.Mkdir(full, 0o700), os.Chmod(full, fs.FileMode(x.mode)))
	case index.Symlink:
		err = os.Symlink(x.text, full)
	case index.File:
		at := time.Unix(0, x.mtime)
		err = errors.Join(os.WriteFile(full, []byte(x.text), 0o600), os.Chmod(full, fs.FileMode(x.mode)), os.Chtimes(full, at, at))
	}
	if err != nil {
		w.tb.Fatal(err)
	}
}

// seed makes a tree that both nodes agree on.
func (w *world) seed(tr tree) {
	w.tb.Helper()
	for _, p := range tr.paths() {
		x := tr[string(p)]
		if x.kind == index.Dir {
			x.mode |= 0o700
		}
		w.write(string(p), x)
	}
	for _, p := range slices.Backward(tr.paths()) {
		if x := tr[string(p)]; x.kind == index.Dir {
			if err := os.Chmod(filepath.Join(w.root(), string(p)), fs.FileMode(x.mode)); err != nil {
				w.tb.Fatal(err)
			}
		}
	}
	for _, p := range tr.paths() {
		w.notice(string(p), tr[string(p)])
	}
	w.update(func(tx *store.Tx) error {
		for _, p := range tr.paths() {
			r, err := tx.Get(p)
			if err != nil {
				return err
			}
			w.heard++
			r.Base, r.Theirs, r.Heard, r.Next = r.Ours, r.Ours, w.heard, index.Nothing
			if err := tx.Put(r); err != nil {
				return err
			}
		}
		return w.heardUpTo(tx)
	})
}

// notice writes down what is new in the tree, as a scan would.
func (w *world) notice(p string, x thing) {
	w.tb.Helper()
	info, err := w.files.Lstat(index.Path(p))
	if err != nil {
		w.tb.Fatal(err)
	}
	if x.kind == index.Symlink {
		x.mtime = info.Stamp.ModTime
	}
	w.update(func(tx *store.Tx) error {
		meta, err := tx.Meta()
		if err != nil {
			return err
		}
		e := x.entry(index.Version{{Epoch: meta.Epoch, Seq: tx.Head() + 1}}, here)
		pos, err := tx.Note(index.Event{Path: index.Path(p), What: index.Created, How: index.ByScan, Node: here, Entry: e})
		if err != nil {
			return err
		}
		return tx.Put(&index.Record{Path: index.Path(p), Ours: e, Stamp: info.Stamp, Pos: pos, Next: index.Wait})
	})
}

// hear makes the peer's tree be want: each path in which it differs from ours
// is a newer version of the peer's, for this node to take.
func (w *world) hear(want tree) {
	w.tb.Helper()
	w.update(func(tx *store.Tx) error {
		for _, p := range w.paths(tx, want) {
			r, err := record(tx, p, nil, 0)
			if err != nil {
				return err
			}
			theirs := &index.Entry{Kind: index.Gone, Origin: there}
			if x, ok := want[string(p)]; ok {
				theirs = x.entry(nil, there)
				if x.kind == index.Symlink && r.Ours != nil && r.Ours.Kind == x.kind && r.Ours.Target == x.text {
					theirs.ModTime = r.Ours.ModTime
				}
			}
			if r.Ours != nil && index.Same(r.Ours, theirs) {
				continue
			}
			w.heard++
			theirs.Version = index.Version{{Epoch: peerEpoch, Seq: w.heard}}
			if r.Ours != nil {
				theirs.Version = theirs.Version.Join(r.Ours.Version)
			}
			r.Theirs, r.Heard, r.Next = theirs, w.heard, index.Take
			if err := tx.Put(r); err != nil {
				return err
			}
		}
		return w.heardUpTo(tx)
	})
}

// heardUpTo writes down how much of the peer's journal has been heard.
func (w *world) heardUpTo(tx *store.Tx) error {
	meta, err := tx.Meta()
	if err != nil {
		return err
	}
	meta.Heard = w.heard
	return tx.PutMeta(meta)
}

// paths are those of the index and of want.
func (w *world) paths(tx *store.Tx, want tree) []index.Path {
	all := make(map[index.Path]bool)
	for _, p := range want.paths() {
		all[p] = true
	}
	for r, err := range tx.Range(index.Root, false) {
		if err != nil {
			w.tb.Fatal(err)
		}
		all[r.Path] = true
	}
	return slices.SortedFunc(maps.Keys(all), index.Path.Compare)
}

// jobs are those that take over what was heard, with the contents staged.
// moves maps a new path to the old one.
func (w *world) jobs(want tree, moves map[string]string) []Job {
	w.tb.Helper()
	var out []Job
	sources := make(map[string]bool)
	w.view(func(tx *store.Tx) error {
		records := make(map[index.Path]*index.Record)
		for r, err := range tx.Todo(index.Root) {
			if err != nil {
				return err
			}
			records[r.Path] = r
		}
		for to, from := range moves {
			if records[index.Path(to)] != nil && records[index.Path(from)] != nil {
				sources[from] = true
			}
		}
		for _, r := range records {
			if sources[string(r.Path)] {
				continue
			}
			j := Job{Path: r.Path, Entry: r.Theirs, Known: r, At: tx.Moment()}
			if from, ok := moves[string(r.Path)]; ok && sources[from] {
				src := records[index.Path(from)]
				j.From, j.FromEntry, j.KnownFrom = src.Path, src.Theirs, src
			} else if r.Theirs.Kind == index.File && !index.SameContent(r.Ours, r.Theirs) {
				x := want[string(r.Path)]
				j.Staged = w.stage(x)
			}
			out = append(out, j)
		}
		return nil
	})
	if w.nest {
		w.stageNests(out, want)
	}
	return out
}

// stageNests stages the new directories among jobs, with their files in them.
func (w *world) stageNests(jobs []Job, want tree) {
	w.tb.Helper()
	dirs := make(map[index.Path]vfs.Held)
	for i := range jobs {
		j := &jobs[i]
		if j.Entry.Kind != index.Dir || j.From != "" || j.Entry.Mode&ownerAll != ownerAll {
			continue
		}
		if _, err := w.files.Lstat(j.Path); err == nil {
			continue // it gives way
		}
		w.serial++
		j.Staged = vfs.Held{Area: vfs.Stage, Name: fmt.Sprintf("nest-%d", w.serial)}
		if _, err := w.files.StageDir(j.Staged, vfs.Meta{Mode: j.Entry.Mode, UID: -1, GID: -1}); err != nil {
			w.tb.Fatal(err)
		}
		dirs[j.Path] = j.Staged
	}
	for i := range jobs {
		j := &jobs[i]
		if in, ok := dirs[j.Path.Parent()]; ok && j.Entry.Kind == index.File && j.Staged.Name != "" {
			if err := w.files.RemoveHeld(j.Staged); err != nil {
				w.tb.Fatal(err)
			}
			j.Staged = vfs.Held{Area: vfs.Stage, In: in.Name, Name: j.Path.Leaf()}
			j.Stamp = w.stageAt(j.Staged, want[string(j.Path)])
		}
	}
}

func (w *world) stage(x thing) vfs.Held {
	w.tb.Helper()
	w.serial++
	h := vfs.Held{Area: vfs.Stage, Name: fmt.Sprintf("fetched-%d", w.serial)}
	w.stageAt(h, x)
	return h
}

func (w *world) stageAt(h vfs.Held, x thing) index.Stamp {
	w.tb.Helper()
	d, err := w.files.Create(h)
	if err != nil {
		w.tb.Fatal(err)
	}
	if _, err := d.Write([]byte(x.text)); err != nil {
		w.tb.Fatal(err)
	}
	stamp, err := d.Finish(vfs.Meta{Mode: x.mode, ModTime: x.mtime, UID: -1, GID: -1})
	if err != nil {
		w.tb.Fatal(err)
	}
	if err := d.Close(); err != nil {
		w.tb.Fatal(err)
	}
	return stamp
}

func (w *world) batch(jobs []Job) []Outcome {
	w.tb.Helper()
	out, err := Batch(context.Background(), w.st, w.files, w.env(), jobs)
	if err != nil {
		w.tb.Fatal(err)
	}
	w.leftOpen()
	return out
}

func (w *world) replay() recovery.Report {
	w.tb.Helper()
	report, err := recovery.Replay(context.Background(), w.st, w.files, w.env().Env)
	if err != nil {
		w.tb.Fatal(err)
	}
	for _, err := range report.Problems {
		w.tb.Errorf("replay: %v", err)
	}
	return report
}

func (w *world) update(f func(*store.Tx) error) {
	w.tb.Helper()
	if err := w.st.Update(f); err != nil {
		w.tb.Fatal(err)
	}
}

func (w *world) view(f func(*store.Tx) error) {
	w.tb.Helper()
	if err := w.st.View(f); err != nil {
		w.tb.Fatal(err)
	}
}

func (w *world) noIntents() {
	w.tb.Helper()
	w.view(func(tx *store.Tx) error {
		c, err := tx.Counts()
		if err == nil && c.Intents != 0 {
			w.tb.Errorf("%d intents are left", c.Intents)
		}
		return err
	})
}

// rescan is what a scan does of a path that has another stamp and the same
// content. Where metadata was left half set, the peer sets it once more.
func (w *world) rescan() {
	w.tb.Helper()
	w.update(func(tx *store.Tx) error {
		for r, err := range tx.Range(index.Root, false) {
			if err != nil {
				return err
			}
			info, err := w.files.Lstat(r.Path)
			if err != nil || !r.Ours.Live() || info.Stamp == r.Stamp || !info.Stamp.SameBytes(r.Stamp) && info.Stamp.Size != r.Ours.Size {
				continue
			}
			e := *r.Ours
			e.Mode, e.ModTime = info.Stamp.Mode&0777, info.Stamp.ModTime
			if e.Kind == index.Symlink {
				e.Mode = 0
			}
			r.Stamp, r.Ours = info.Stamp, &e
			if r.Theirs != nil && r.Theirs.Live() && !index.Same(&e, r.Theirs) {
				theirs := *r.Theirs // the peer insists
				w.heard++
				theirs.Version = theirs.Version.With(peerEpoch, w.heard)
				r.Theirs, r.Heard, r.Next = &theirs, w.heard, index.Take
			}
			if err := tx.Put(r); err != nil {
				return err
			}
		}
		return w.heardUpTo(tx)
	})
}
