package vfstest

import (
	"duet/scan/vfs"
	"duet/store/index"
)

func setMeta(w *world) {
	w.mkdir("d")
	w.write("d/f", "f")
	was := w.look("d/f").Stamp
	stamp, err := w.Files.SetMeta("d/f", vfs.Meta{Mode: 0o4711, ModTime: 1e18 + 5, UID: -1, GID: -1}, was)
	w.must(err)
	if got := w.look("d/f").Stamp; got != stamp || stamp.Mode != 0o104711 || stamp.ModTime != 1e18+5 || stamp.Ino != was.Ino {
		w.Errorf("file: %+v, returned %+v", got, stamp)
	}
	again, err := w.Files.SetMeta("d/f", vfs.Meta{Mode: 0o4711, UID: -1, GID: -1}, stamp)
	w.must(err)
	if again.ModTime != stamp.ModTime {
		w.Errorf("a time that was to be left is %d, was %d", again.ModTime, stamp.ModTime)
	}

	dir := w.look("d").Stamp
	stamp, err = w.Files.SetMeta("d", vfs.Meta{Mode: 0o1700, ModTime: 1e18, UID: -1, GID: -1}, dir)
	w.must(err)
	if got := w.look("d").Stamp; got != stamp || stamp.Mode != 0o41700 || stamp.ModTime != 0 {
		w.Errorf("directory: %+v, returned %+v", got, stamp)
	}

	// Not what was expected: nothing is set.
	w.write("g", "g")
	was = w.look("g").Stamp
	other := was
	other.Size++
	w.must(w.Outside.Rename("g", "h"))
	w.write("g", "replaced")
	now := w.look("g").Stamp
	for _, expect := range []index.Stamp{was, {}, other} {
		_, err := w.Files.SetMeta("g", vfs.Meta{Mode: 0o777, ModTime: 1, UID: -1, GID: -1}, expect)
		w.is("set metadata of something else", err, vfs.ErrChanged)
	}
	if got := w.look("g").Stamp; got != now {
		w.Errorf("it is %+v, was %+v", got, now)
	}
}

// setMetaBusy: a time set under the hands of a writer would hide the write.
func setMetaBusy(w *world) {
	w.write("f", "f")
	c, err := w.Files.Open("f")
	w.must(err)
	_, known := c.Writers()
	w.must(c.Close())
	if !known {
		w.Skip("whether a file has writers cannot be known here")
	}
	hold, err := w.Outside.OpenForWriting("f")
	w.must(err)
	was := w.look("f").Stamp
	_, err = w.Files.SetMeta("f", vfs.Meta{Mode: 0o600, ModTime: 1e18, UID: -1, GID: -1}, was)
	w.is("set the time of a file that is being written", err, vfs.ErrBusy)
	if now := w.look("f").Stamp; now != was {
		w.Errorf("it is %+v, was %+v", now, was)
	}
	if _, err := w.Files.SetMeta("f", vfs.Meta{Mode: 0o600, UID: -1, GID: -1}, was); err != nil {
		w.Errorf("set the mode of a file that is being written: %v", err)
	}
	w.must(hold.Close())
	if _, err := w.Files.SetMeta("f", vfs.Meta{Mode: 0o600, ModTime: 1e18, UID: -1, GID: -1}, was); err != nil {
		w.Errorf("set the time when it is closed: %v", err)
	}
}

// symlinkItself: an operation on a symlink is on the symlink, whatever it says.
func symlinkItself(w *world) {
	w.mkdir("d")
	w.write("d/f", "canary")
	w.symlink("d/f", "l")
	target := w.look("d/f").Stamp
	stamp, err := w.Files.SetMeta("l", vfs.Meta{Mode: 0o600, ModTime: 1e18 + 1, UID: -1, GID: -1}, w.look("l").Stamp)
	w.must(err)
	if got := w.look("l"); got.Stamp != stamp || got.Type != vfs.Link || stamp.ModTime != 1e18+1 {
		w.Errorf("symlink: %+v, returned %+v", got, stamp)
	}
	w.must(w.Files.Move("l", "d/m"))
	if got, err := w.Files.Readlink("d/m"); err != nil || got != "d/f" {
		w.Errorf("moved symlink says %q, %v", got, err)
	}
	w.must(w.Files.Shelve("d/m", kept("l")))
	if got, err := w.Files.ReadlinkHeld(kept("l")); err != nil || got != "d/f" {
		w.Errorf("shelved symlink says %q, %v", got, err)
	}
	w.must(w.Files.Place(kept("l"), "l"))
	w.must(w.Files.Swap(w.stage("new", "new"), "l"))
	w.reads("l", "new")
	if got := w.look("d/f").Stamp; got != target {
		w.Errorf("its target is %+v, was %+v", got, target)
	}
}

// times: what one node reads another can set, and reads the same.
func times(w *world) {
	w.write("f", "f")
	for _, ns := range []int64{1, 2, -1, -1e18, 1e18 + 999999999, 4e18, 1700000000000000000} {
		stamp, err := w.Files.SetMeta("f", vfs.Meta{Mode: 0o644, ModTime: ns, UID: -1, GID: -1}, w.look("f").Stamp)
		w.must(err)
		if stamp.ModTime != ns && w.holdsTime(ns) {
			w.Errorf("set %d, got %d", ns, stamp.ModTime)
		}
	}
	// Of exactly 1970, which means "none" in an entry.
	w.must(w.Outside.Chtimes("f", 0))
	stamp := w.look("f").Stamp
	if stamp.ModTime != 1 {
		w.Errorf("a file of 1970 has time %d, want 1", stamp.ModTime)
	}
	w.write("g", "g")
	_, err := w.Files.SetMeta("g", vfs.Meta{Mode: 0o644, ModTime: stamp.ModTime, UID: -1, GID: -1}, w.look("g").Stamp)
	w.must(err)
	if got := w.look("g").Stamp.ModTime; got != 1 {
		w.Errorf("its copy has time %d, want 1", got)
	}
}

// holdsTime reports whether the filesystem itself can keep the time.
func (w *world) holdsTime(ns int64) bool {
	w.must(w.Outside.Write("probe", ""))
	w.must(w.Outside.Chtimes("probe", ns))
	return w.look("probe").Stamp.ModTime == ns
}
