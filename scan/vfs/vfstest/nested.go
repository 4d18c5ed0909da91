package vfstest

import (
	"io"
	"io/fs"

	"duet/scan/vfs"
)

// What is made in a staged directory is placed with it, and can be reached there
// until then.
func nested(w *world) {
	in := func(dir, name string) vfs.Held { return vfs.Held{Area: vfs.Stage, In: dir, Name: name} }
	fill := func(h vfs.Held, text string) {
		w.Helper()
		d, err := w.Files.Create(h)
		w.must(err)
		_, err = io.WriteString(d, text)
		w.must(err)
		_, err = d.Dress(plain)
		w.must(err)
		w.must(d.Close())
	}
	_, err := w.Files.StageDir(staged("d"), vfs.Meta{Mode: 0o755, UID: -1, GID: -1})
	w.must(err)
	for _, name := range []string{"a", "b", "c"} {
		fill(in("d", name), name)
	}
	for _, err := range w.Files.SyncStaged([]vfs.Held{in("d", "a"), in("d", "b"), in("d", "c")}) {
		w.must(err)
	}
	w.holds(in("d", "a"), "a")
	_, err = w.Files.Create(in("d", "a"))
	w.is("create what is there already", err, fs.ErrExist)
	w.holds(in("d", "a"), "a")
	w.must(w.Files.RemoveHeld(in("d", "b")))
	w.must(w.Files.RenameHeld(in("d", "c"), staged("c")))
	w.holds(staged("c"), "c")
	before := w.lookHeld(in("d", "a")).Stamp

	w.must(w.Files.Place(staged("d"), "dir"))
	if info := w.look("dir/a"); info.Stamp != before {
		w.Errorf("placed with its directory it is %+v, was %+v", info.Stamp, before)
	}
	w.gone("dir/b")
	w.gone("dir/c")
	_, err = w.Files.Create(in("d", "a"))
	w.is("create in a directory that is not there any more", err, fs.ErrNotExist)

	_, err = w.Files.StageDir(staged("e"), vfs.Meta{Mode: 0o755, UID: -1, GID: -1})
	w.must(err)
	fill(in("e", "single"), "by itself")
	w.must(w.Files.Place(in("e", "single"), "single"))
	w.look("single")

	w.stage("file", "no directory")
	_, err = w.Files.StageLink(staged("link"), "..", plain)
	w.must(err)
	for _, h := range []vfs.Held{in("file", "a"), in("link", "a"), in("..", "a"), in("e/..", "a"), in("e", "../a"), in("e", ""),
		{Area: vfs.Kept, In: "e", Name: "a"}} {
		if _, err := w.Files.Create(h); err == nil {
			w.Errorf("made %v", h)
		}
	}
}
