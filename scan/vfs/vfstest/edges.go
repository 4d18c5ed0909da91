package vfstest

import (
	"errors"
	"io"
	"io/fs"
	"strings"

	"duet/scan/vfs"
	"duet/store/index"
)

// exchanges: a swap exchanges anything with anything, and all that is in it.
func exchanges(w *world) {
	make := map[string]func(name string) vfs.Held{
		"file": func(name string) vfs.Held { return w.stage(name, "new") },
		"link": func(name string) vfs.Held {
			_, err := w.Files.StageLink(staged(name), "new", plain)
			w.must(err)
			return staged(name)
		},
		"empty directory": func(name string) vfs.Held {
			_, err := w.Files.StageDir(staged(name), plain)
			w.must(err)
			return staged(name)
		},
		"full directory": func(name string) vfs.Held {
			w.mkdir("tmp")
			w.write("tmp/new", "new")
			w.must(w.Files.Shelve("tmp", staged(name)))
			return staged(name)
		},
	}
	have := map[string]func(p string){
		"file":            func(p string) { w.write(p, "old") },
		"link":            func(p string) { w.symlink("old", p) },
		"empty directory": func(p string) { w.mkdir(p) },
		"full directory":  func(p string) { w.mkdir(p); w.mkdir(p + "/sub"); w.write(p+"/sub/old", "old") },
	}
	w.mkdir("d")
	for there, put := range have {
		for comes, stage := range make {
			p := "d/" + strings.ReplaceAll(there+" "+comes, " ", "-")
			put(p)
			h := stage(strings.ReplaceAll(there+" "+comes, " ", "-"))
			path, err := index.ParsePath(p)
			w.must(err)
			old, mine := w.look(path), w.lookHeld(h)
			w.must(w.Files.Swap(h, path))
			if got := w.look(path); got.Type != mine.Type || !got.Stamp.SameBytes(mine.Stamp) {
				w.Errorf("%s for %s: it is %+v, want %+v", comes, there, got, mine)
			}
			if got := w.lookHeld(h); got.Type != old.Type || !got.Stamp.SameBytes(old.Stamp) {
				w.Errorf("%s for %s: out came %+v, want %+v", comes, there, got, old)
			}
			if comes == "full directory" {
				w.reads(p+"/new", "new")
			}
			if there == "full directory" {
				in, err := w.Files.Inside(h)
				w.must(err)
				c, err := in.Open("sub/old")
				w.must(err)
				if got := w.text(c); got != "old" {
					w.Errorf("%s for %s: what was in it is %q", comes, there, got)
				}
				w.must(errors.Join(c.Close(), in.Close()))
			}
		}
	}
}

// taken: no verb but Swap ever puts one thing in the place of another, and a
// directory is only removed if it is empty.
func taken(w *world) {
	w.mkdir("full")
	w.write("full/x", "x")
	w.mkdir("empty")
	w.write("file", "file")
	w.symlink("nowhere", "link")
	for _, to := range []index.Path{"full", "empty", "file", "link"} {
		for _, from := range []string{"a file", "a directory", "a link"} {
			h := staged("new")
			switch from {
			case "a file":
				w.stage("new", "new")
				w.write("mine", "mine")
			case "a directory":
				_, err := w.Files.StageDir(h, plain)
				w.must(err)
				w.mkdir("mine")
			default:
				_, err := w.Files.StageLink(h, "new", plain)
				w.must(err)
				w.symlink("mine", "mine")
			}
			was, ino := w.look(to), w.lookHeld(h).Stamp.Ino
			w.is("place "+from+" at "+to.String(), w.Files.Place(h, to), fs.ErrExist)
			w.is("move "+from+" to "+to.String(), w.Files.Move("mine", to), fs.ErrExist)
			w.must(w.Files.Shelve(to, kept("old")))
			w.is("shelve "+from+" to where that is", w.Files.Shelve("mine", kept("old")), fs.ErrExist)
			w.is("rename "+from+" to where that is", w.Files.RenameHeld(h, kept("old")), fs.ErrExist)
			w.is("rename it to itself", w.Files.RenameHeld(h, h), fs.ErrExist)
			w.must(w.Files.Place(kept("old"), to))
			if is := w.look(to); is.Type != was.Type || !is.Stamp.SameBytes(was.Stamp) || w.lookHeld(h).Stamp.Ino != ino {
				w.Errorf("%s: %+v, was %+v", to, is, was)
			}
			w.must(errors.Join(w.Files.RemoveHeld(h), w.Outside.Remove("mine")))
		}
	}
	w.is("remove a full directory", w.Files.Rmdir("full"), fs.ErrExist)
	w.must(w.Outside.Remove("full/x"))
	w.must(w.Files.Rmdir("full"))
}

// drafts: what a draft may be asked.
func drafts(w *world) {
	d, err := w.Files.Create(staged("f"))
	w.must(err)
	_, err = io.WriteString(d, "abc")
	w.must(err)
	w.must(d.Truncate(6)) // longer: zeros
	_, err = io.WriteString(d, "d")
	w.must(err)
	if d.Size() != 7 {
		w.Errorf("size %d, want 7", d.Size())
	}
	w.fails("cut to less than nothing", d.Truncate(-1))
	if n, err := d.Write(nil); n != 0 || err != nil {
		w.Errorf("a write of nothing: %d, %v", n, err)
	}
	_, err = d.Finish(plain)
	w.must(err)
	w.fails("truncate when it is finished", d.Truncate(0))
	w.must(d.Close())
	w.holds(staged("f"), "abc\x00\x00\x00d")
	if _, err := io.WriteString(d, "late"); err == nil {
		w.Error("wrote to a closed draft")
	}

	// Whatever is left in the stage may be replaced: by a file.
	_, err = w.Files.StageDir(staged("left"), plain)
	w.must(err)
	_, err = w.Files.Append(staged("left"))
	w.is("append to a directory", err, vfs.ErrChanged)
	w.stage("left", "new")
	w.holds(staged("left"), "new")
	_, err = w.Files.StageLink(staged("link"), "left", plain)
	w.must(err)
	w.stage("link", "new")
	w.holds(staged("link"), "new")
	if info := w.lookHeld(staged("link")); info.Type != vfs.Regular {
		w.Errorf("a file that was made where a symlink was: %+v", info)
	}
	w.holds(staged("left"), "new")

	// One that is open stays what it is when another one takes its name.
	c, err := w.Files.OpenHeld(staged("left"))
	w.must(err)
	w.stage("left", "newer")
	if got := w.text(c); got != "new" {
		w.Errorf("a replaced leftover holds %q for whoever reads it", got)
	}
	w.must(c.Close())
}

// copying: only files are copied, and only what is staged is replaced.
func copying(w *world) {
	_, err := w.Files.StageDir(staged("d"), plain)
	w.must(err)
	_, err = w.Files.StageLink(staged("l"), "x", plain)
	w.must(err)
	w.is("copy a directory", w.Files.CopyHeld(staged("d"), staged("c")), vfs.ErrChanged)
	w.is("copy a symlink", w.Files.CopyHeld(staged("l"), staged("c")), vfs.ErrChanged)
	w.notHeld(staged("c"))
	w.write("f", "f")
	w.must(w.Files.RenameHeld(w.stage("k", "kept"), kept("k")))
	_, err = w.Files.Snapshot("f", kept("k"))
	w.is("snapshot over a kept file", err, fs.ErrExist)
	w.holds(kept("k"), "kept")
	_, err = w.Files.Snapshot("f", w.stage("left", "leftover"))
	w.must(err)
	w.holds(staged("left"), "f")
	w.write("empty", "")
	_, err = w.Files.Snapshot("empty", staged("empty"))
	w.must(err)
	w.holds(staged("empty"), "")

	// A copy is a file of its own.
	w.must(w.Files.CopyHeld(kept("k"), staged("c")))
	if a, b := w.lookHeld(kept("k")).Stamp, w.lookHeld(staged("c")).Stamp; a.Ino == b.Ino || b.Mode != 0o100600 {
		w.Errorf("the copy is %+v, the original %+v", b, a)
	}
}

// longTargets: a symlink says up to 4095 bytes, whatever they are.
func longTargets(w *world) {
	for _, n := range []int{1, 60, 255, 1000, 4095} {
		target := strings.Repeat("t", n)
		stamp, err := w.Files.StageLink(staged("l"), target, plain)
		w.must(err)
		if stamp.Size != int64(n) {
			w.Errorf("a target of %d bytes has size %d", n, stamp.Size)
		}
		w.must(w.Files.Place(staged("l"), "l"))
		if got, err := w.Files.Readlink("l"); err != nil || got != target {
			w.Errorf("a target of %d bytes came back as one of %d, %v", n, len(got), err)
		}
		w.must(w.Outside.Remove("l"))
	}
	_, err := w.Files.StageLink(staged("l"), strings.Repeat("t", 4096), plain)
	w.fails("make a symlink to 4096 bytes", err)
	_, err = w.Files.StageLink(staged("l"), "nul\x00", plain)
	w.fails("make a symlink with a NUL", err)
	w.notHeld(staged("l"))
}

// insideOnly: a tree inside the holding area is a tree like any other, and
// goes where its directory goes.
func insideOnly(w *world) {
	w.mkdir("d")
	w.mkdir("d/sub")
	w.write("d/f", "f")
	w.must(w.Files.Shelve("d", staged("d")))
	in, err := w.Files.Inside(staged("d"))
	w.must(err)
	w.must(in.Move("f", "sub/g"))
	w.must(in.Place(w.stage("new", "new"), "f"))
	w.must(in.Swap(w.stage("other", "other"), "f"))
	w.holds(staged("other"), "new")
	w.is("remove a full directory inside", in.Rmdir("sub"), fs.ErrExist)
	w.must(in.SyncDirs([]index.Path{index.Root, "sub", "gone"}))
	dir, err := in.OpenDir(index.Root)
	w.must(err)
	if names, err := dir.Names(); err != nil || strings.Join(names, " ") != "f sub" {
		w.Errorf("inside are %q, %v", names, err)
	}
	w.must(dir.Close())
	for _, p := range []index.Path{"..", "../d", "sub/../../d", "/d"} {
		_, err := in.Lstat(p)
		w.fails("lstat "+p.String()+" inside", err)
	}
	w.must(w.Files.Place(staged("d"), "back"))
	w.must(in.Shelve("f", kept("f")))
	w.holds(kept("f"), "other")
	w.reads("back/sub/g", "f")
	w.gone("back/f")
	w.must(w.Files.Shelve("back", kept("back")))
	w.must(w.Files.RemoveHeld(kept("back")))
	_, err = in.Lstat("sub")
	w.fails("lstat inside what is gone", err) // of its root nobody knows what was in it
	w.must(in.Close())
	_, err = w.Files.LstatHeld(kept("f"))
	w.must(err)
}
