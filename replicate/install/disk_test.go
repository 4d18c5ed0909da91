package install

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duet/scan"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// onDisk reads the root.
func (w *world) onDisk() tree {
	w.tb.Helper()
	out := make(tree)
	err := filepath.WalkDir(w.root(), func(full string, d fs.DirEntry, err error) error {
		if err != nil || full == w.root() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		p := strings.TrimPrefix(full, w.root()+"/")
		switch {
		case d.IsDir():
			out[p] = thing{kind: index.Dir, mode: uint32(info.Mode().Perm())}
		case d.Type() == fs.ModeSymlink:
			target, err := os.Readlink(full)
			out[p] = link(target)
			return err
		default:
			text, err := os.ReadFile(full)
			out[p] = thing{index.File, string(text), uint32(info.Mode().Perm()), info.ModTime().UnixNano()}
			return err
		}
		return nil
	})
	if err != nil {
		w.tb.Fatal(err)
	}
	return out
}

// kept reads what is kept: path, reason and text of each version, in order.
func (w *world) kept() []string {
	w.tb.Helper()
	var out []string
	w.view(func(tx *store.Tx) error {
		for k, err := range tx.AllKept() {
			if err != nil {
				return err
			}
			text := k.Entry.Kind.String()
			if k.Held != "" && k.Entry.Kind == index.File {
				raw, err := os.ReadFile(filepath.Join(w.holding(), "kept", k.Held))
				if err != nil {
					return err
				}
				text = string(raw)
				if scan.SumBytes(raw) != k.Entry.Hash {
					w.tb.Errorf("kept version %d of %v has not the hash that it should", k.ID, k.Path)
				}
			}
			out = append(out, fmt.Sprintf("%s %v %s", k.Path, k.Reason, text))
		}
		return nil
	})
	slices.Sort(out)
	return out
}

// texts are all contents in the tree and among the kept.
func (w *world) texts() map[string]bool {
	out := make(map[string]bool)
	for _, dir := range []string{w.root(), filepath.Join(w.holding(), "kept")} {
		filepath.WalkDir(dir, func(full string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				text, _ := os.ReadFile(full)
				out[string(text)] = true
			}
			return nil
		})
	}
	return out
}

// check states what must hold whenever nothing is under way. strict: nobody
// but Duet touched the tree, so that it is as the index says to the last path.
func (w *world) check(strict bool) {
	w.tb.Helper()
	disk := w.onDisk()
	w.view(func(tx *store.Tx) error {
		held, err := w.files.ListHeld(vfs.Kept)
		if err != nil {
			return err
		}
		names := func(yield func(string) bool) {
			for _, info := range held {
				if !yield(info.Name) {
					return
				}
			}
		}
		for err := range store.Check(tx, store.CheckOptions{Held: names}) {
			w.tb.Errorf("check: %v", err)
		}
		for r, err := range tx.Range(index.Root, false) {
			if err != nil {
				return err
			}
			w.claim(r, disk, strict)
			delete(disk, string(r.Path))
		}
		return nil
	})
	if strict && len(disk) > 0 {
		w.tb.Errorf("in the tree and not in the index: %v", disk.paths())
	}
}

// claim checks what one record says of the disk.
func (w *world) claim(r *index.Record, disk tree, strict bool) {
	w.tb.Helper()
	x, there := disk[string(r.Path)]
	switch {
	case !r.Ours.Live():
		if there && strict {
			w.tb.Errorf("%v is there, and gone by the index", r.Path)
		}
		return
	case !there:
		if strict {
			w.tb.Errorf("%v is not there, and a %v by the index", r.Path, r.Ours.Kind)
		}
		return
	}
	info, err := w.files.Lstat(r.Path)
	if err != nil {
		w.tb.Error(err)
		return
	}
	if info.Stamp != r.Stamp {
		if strict {
			w.tb.Errorf("%v: stamp %+v, by the index %+v", r.Path, info.Stamp, r.Stamp)
		}
		return
	}
	got := x.entry(nil, 0)
	if got.Kind == index.Symlink {
		got.ModTime = info.Stamp.ModTime
	}
	if !index.Same(got, r.Ours) {
		w.tb.Errorf("%v: %+v, and by the index, with the same stamp, %+v", r.Path, got, r.Ours)
	}
}

// sameTree compares but for the times of symlinks.
func sameTree(tb testing.TB, got, want tree) {
	tb.Helper()
	for _, p := range want.paths() {
		g, ok := got[string(p)]
		x := want[string(p)]
		if x.kind == index.Symlink {
			g.mtime, x.mtime, g.mode, x.mode = 0, 0, 0, 0
		}
		if !ok {
			tb.Errorf("%v is missing", p)
		} else if g != x {
			tb.Errorf("%v: got %+v, want %+v", p, g, x)
		}
	}
	for _, p := range got.paths() {
		if _, ok := want[string(p)]; !ok {
			tb.Errorf("%v should not be there", p)
		}
	}
}
