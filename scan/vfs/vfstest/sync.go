package vfstest

import (
	"fmt"
	"io/fs"

	"duet/scan/vfs"
	"duet/store/index"
)

func syncDirs(w *world) {
	w.mkdir("d")
	w.write("f", "f")
	w.symlink("d", "link")
	w.must(w.Files.SyncDirs(nil))
	w.must(w.Files.SyncDirs([]index.Path{index.Root, "d", "d", "gone", "gone/deeper", "f", "f/below", "link", "link/below"}))
	w.fails("sync outside", w.Files.SyncDirs([]index.Path{"d", "../d"}))
}

// seen looks at paths.
func (w *world) seen(paths ...index.Path) (out []vfs.Seen) {
	w.Helper()
	for _, p := range paths {
		out = append(out, vfs.Seen{Path: p, Stamp: w.look(p).Stamp})
	}
	return out
}

// syncs fails the test unless each of seen gets its error; nil is "no error".
func (w *world) syncs(what string, seen []vfs.Seen, want ...error) {
	w.Helper()
	errs := w.Files.SyncSeen(seen)
	if len(errs) != len(seen) {
		w.Fatalf("%s: %d errors for %d paths", what, len(errs), len(seen))
	}
	for i, err := range errs {
		w.is(fmt.Sprintf("%s: %v", what, seen[i].Path), err, want[i])
	}
}

// syncSeen: what is still there is synced, and is as it was before; what is
// not there any more, or is something else, is told apart from it, one by one.
func syncSeen(w *world) {
	w.syncs("nothing", nil)
	w.mkdir("d")
	w.mkdir("d/e")
	w.write("d/f", "f")
	w.symlink("nowhere", "l")
	for _, p := range []string{"g", "h", "i", "j", "k"} {
		w.write(p, p)
	}
	w.mkdir("m")
	seen := w.seen("d", "d/e", "d/f", "l", "g", "h", "i", "j", "k", "m")
	ok := make([]error, len(seen))
	w.syncs("all", seen, ok...)
	for _, x := range seen {
		if now := w.look(x.Path).Stamp; now != x.Stamp {
			w.Errorf("the sync makes %v %+v, was %+v", x.Path, now, x.Stamp)
		}
	}

	w.write("g", "written in place since")
	w.must(w.Outside.Remove("h"))
	w.write("new", "replaced")
	w.must(w.Outside.Rename("new", "i"))
	w.must(w.Outside.Remove("j"))
	w.mkdir("j")
	w.must(w.Outside.Remove("k"))
	w.must(w.Outside.Fifo("k"))
	w.must(w.Outside.Remove("m"))
	w.symlink("d", "m")
	w.must(w.Outside.Chmod("d/f", 0o600))
	w.syncs("some", seen, nil, nil, nil, nil, nil, fs.ErrNotExist, vfs.ErrChanged, vfs.ErrChanged, vfs.ErrChanged, vfs.ErrChanged)
	w.syncs("below what is no directory any more", []vfs.Seen{{Path: "g/x", Stamp: something}, {Path: "m/f", Stamp: something}},
		fs.ErrNotExist, fs.ErrNotExist)

	// What is gone needs no directory.
	w.syncs("what is gone", []vfs.Seen{{Path: "h"}, {Path: "x/y/z"}, {Path: "x"}, {Path: "g/x/y"}, {Path: "m/x"}}, make([]error, 5)...)
	w.reads("g", "written in place since")
}

// syncMany is syncSeen of so many things that they may be synced together.
func syncMany(w *world) {
	var seen []vfs.Seen
	var want []error
	w.mkdir("d")
	for i := range 200 {
		p := fmt.Sprintf("d/%d", i)
		w.write(p, p)
		seen, want = append(seen, w.seen(index.Path(p))...), append(want, nil)
	}
	w.must(w.Outside.Remove("d/7"))
	w.must(w.Outside.Rename("d/8", "d/9"))
	want[7], want[8], want[9] = fs.ErrNotExist, fs.ErrNotExist, vfs.ErrChanged
	seen, want = append(seen, vfs.Seen{Path: "d/gone"}, vfs.Seen{Path: "x/y"}), append(want, nil, nil)
	w.syncs("many", seen, want...)
}
