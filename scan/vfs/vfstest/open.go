package vfstest

import (
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"duet/scan/vfs"
	"duet/store/index"
)

// What is open stays what it is, whatever becomes of its name.

// text reads an open file from its beginning.
func (w *world) text(c vfs.Content) string {
	w.Helper()
	b, err := io.ReadAll(io.NewSectionReader(c, 0, 1<<20))
	w.must(err)
	return string(b)
}

// openFile: a reader goes on with the file that it opened.
func openFile(w *world) {
	w.mkdir("d")
	for name, do := range map[string]func(p index.Path) error{
		"moved":    func(p index.Path) error { return w.Files.Move(p, "d/"+p) },
		"shelved":  func(p index.Path) error { return w.Files.Shelve(p, kept(string(p))) },
		"swapped":  func(p index.Path) error { return w.Files.Swap(w.stage("s-"+string(p), "other"), p) },
		"replaced": func(p index.Path) error { w.write("new", "other"); return w.Outside.Rename("new", string(p)) },
		"removed":  func(p index.Path) error { return w.Outside.Remove(string(p)) },
		"removed for good": func(p index.Path) error {
			return errors.Join(w.Files.Shelve(p, kept("r")), w.Files.RemoveHeld(kept("r")))
		},
		"written in place":  func(p index.Path) error { return w.Outside.Write(string(p), "content that is new") },
		"shorter than read": func(p index.Path) error { return w.Outside.Write(string(p), "con") },
	} {
		p := index.Path(strings.ReplaceAll(name, " ", "-"))
		w.write(string(p), "content")
		ino := w.look(p).Stamp.Ino
		c, err := w.Files.Open(p)
		w.must(err)
		half := make([]byte, 3)
		if _, err := io.ReadFull(c, half); err != nil || string(half) != "con" {
			w.Errorf("%s: read %q, %v", name, half, err)
		}
		if c.LostAt(p) {
			w.Errorf("%s: its name is lost before anything was done", name)
		}
		w.must(do(p))
		if lost, want := c.LostAt(p), name == "replaced" || name == "removed"; lost != want {
			w.Errorf("%s: lost at %v: %v", name, p, lost)
		}
		want := map[string]string{"written in place": "content that is new", "shorter than read": "con"}[name]
		if want == "" {
			want = "content"
		}
		if got := w.text(c); got != want {
			w.Errorf("%s: it holds %q, want %q", name, got, want)
		}
		if rest, err := io.ReadAll(c); err != nil || string(rest) != want[3:] {
			w.Errorf("%s: the rest is %q, %v, want %q", name, rest, err, want[3:])
		}
		info, err := c.Stat()
		if err != nil || info.Name != string(p) || info.Stamp.Ino != ino || info.Stamp.Size != int64(len(want)) {
			w.Errorf("%s: stat says %+v, %v; want inode %d, %d bytes, and the name it was opened by", name, info, err, ino, len(want))
		}
		w.must(errors.Join(c.Sync(), c.Close()))
		if _, err := c.ReadAt(half, 0); err == nil {
			w.Errorf("%s: read when it was closed", name)
		}
	}
}

// openWriter: a process that has a file open goes on writing to it, wherever
// it is by now. That is how a save comes to be in what came out of a swap.
func openWriter(w *world) {
	w.mkdir("d")
	for name, do := range map[string]struct {
		do   func(p index.Path) error
		look func(p index.Path) string
	}{
		"moved":     {func(p index.Path) error { return w.Files.Move(p, "d/"+p) }, func(p index.Path) string { return w.textAt("d/" + p) }},
		"shelved":   {func(p index.Path) error { return w.Files.Shelve(p, kept(string(p))) }, func(p index.Path) string { return w.textHeld(kept(string(p))) }},
		"swapped":   {func(p index.Path) error { return w.Files.Swap(w.stage("s-"+string(p), "new"), p) }, func(p index.Path) string { return w.textHeld(staged("s-" + string(p))) }},
		"untouched": {func(index.Path) error { return nil }, func(p index.Path) string { return w.textAt(p) }},
	} {
		p := index.Path(name)
		w.write(name, "before")
		hold, err := w.Outside.OpenForWriting(name)
		w.must(err)
		w.must(do.do(p))
		if got := do.look(p); got != "before" {
			w.Errorf("%s: it holds %q", name, got)
		}
		_, err = io.WriteString(hold, " after")
		w.must(errors.Join(err, hold.Close()))
		if got := do.look(p); got != "before after" {
			w.Errorf("%s: it holds %q, and a writer had it open", name, got)
		}
		if name == "swapped" {
			w.reads(name, "new")
		}
	}
}

func (w *world) textAt(p index.Path) string {
	w.Helper()
	c, err := w.Files.Open(p)
	w.must(err)
	defer c.Close()
	return w.text(c)
}

func (w *world) textHeld(h vfs.Held) string {
	w.Helper()
	c, err := w.Files.OpenHeld(h)
	w.must(err)
	defer c.Close()
	return w.text(c)
}

// leases: who writes is known of the file, not of a name or a reader, and as
// long as anybody does.
func leases(w *world) {
	w.write("f", "f")
	c, err := w.Files.Open("f")
	w.must(err)
	defer c.Close()
	if _, known := c.Writers(); !known {
		w.Skip("whether a file has writers cannot be known here")
	}
	other, err := w.Files.Open("f")
	w.must(err)
	expect := func(what string, c vfs.Content, want bool) {
		w.Helper()
		if got, known := c.Writers(); got != want || !known {
			w.Errorf("%s: writers %v, known %v; want %v", what, got, known, want)
		}
	}
	expect("another reader", c, false)
	w.must(other.Close())
	one, err := w.Outside.OpenForWriting("f")
	w.must(err)
	two, err := w.Outside.OpenForWriting("f")
	w.must(err)
	w.must(w.Files.Move("f", "g"))
	expect("moved", c, true)
	w.must(one.Close())
	expect("one of two has closed", c, true)
	w.must(w.Files.Shelve("g", kept("g")))
	expect("shelved", c, true)
	held, err := w.Files.OpenHeld(kept("g"))
	w.must(err)
	expect("opened by its new name", held, true)
	w.must(held.Close())
	w.must(two.Close())
	expect("both have closed", c, false)

	// This node's own writing counts like anybody's.
	d, err := w.Files.Create(staged("draft"))
	w.must(err)
	mine, err := w.Files.OpenHeld(staged("draft"))
	w.must(err)
	defer mine.Close()
	expect("a draft", mine, true)
	_, err = d.Finish(plain)
	w.must(err)
	expect("a finished draft", mine, true)
	w.must(d.Close())
	expect("a closed draft", mine, false)
	w.must(w.Files.CopyHeld(staged("draft"), staged("copy")))
	copied, err := w.Files.OpenHeld(staged("copy"))
	w.must(err)
	defer copied.Close()
	expect("a copy", copied, false)
}

// openDir: a walk goes on in the directory that it opened, and sees what
// becomes of it.
func openDir(w *world) {
	w.mkdir("d")
	w.write("d/a", "a")
	d, err := w.Files.OpenDir("d")
	w.must(err)
	defer d.Close()
	lists := func(what string, want ...string) {
		w.Helper()
		if got, err := d.Names(); err != nil || !slices.Equal(got, want) {
			w.Errorf("%s: %q, %v; want %q", what, got, err, want)
		}
	}
	lists("before", "a")
	w.write("d/b", "b")
	w.must(w.Outside.Remove("d/a"))
	lists("changed", "b")
	w.must(w.Files.Move("d", "e"))
	w.mkdir("d")
	w.write("d/other", "other")
	w.write("e/c", "c")
	lists("moved", "b", "c")
	if info, err := d.Lstat("c"); err != nil || info != w.look("e/c") {
		w.Errorf("lstat in a moved directory: %+v, %v", info, err)
	}
	_, err = d.Lstat("other")
	w.is("lstat of what is in the new one", err, fs.ErrNotExist)
	w.must(w.Files.Shelve("e", kept("e")))
	lists("shelved", "b", "c")
	w.must(w.Files.RemoveHeld(kept("e")))
	if got, err := d.Names(); len(got) != 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.Errorf("removed: %q, %v", got, err)
	}
	_, err = d.Lstat("b")
	w.is("lstat in a removed directory", err, fs.ErrNotExist)
}

// stamps: what changes which part of a stamp. A rename changes ctime, and
// nothing else of what was renamed; a write shows in mtime, and a time that was
// put back shows in ctime.
func stamps(w *world) {
	w.mkdir("d")
	w.write("f", "f")
	w.must(w.Outside.Chtimes("f", 1e18))
	wait := func() { time.Sleep(12 * time.Millisecond) } // the coarsest clock moves on
	later := func(what string, was, is index.Stamp) {
		w.Helper()
		if is.Ctime <= was.Ctime {
			w.Errorf("%s: ctime %d, was %d", what, is.Ctime, was.Ctime)
		}
		was.Ctime = is.Ctime
		if is != was {
			w.Errorf("%s: %+v, was %+v", what, is, was)
		}
	}
	was := w.look("f").Stamp
	next := func(what string, do error, look func() index.Stamp) {
		w.Helper()
		w.must(do)
		is := look()
		later(what, was, is)
		was = is
		wait()
	}
	wait()
	inTree := func(p index.Path) func() index.Stamp { return func() index.Stamp { return w.look(p).Stamp } }
	inArea := func(h vfs.Held) func() index.Stamp { return func() index.Stamp { return w.lookHeld(h).Stamp } }
	next("move", w.Files.Move("f", "d/f"), inTree("d/f"))
	next("shelve", w.Files.Shelve("d/f", staged("f")), inArea(staged("f")))
	next("rename in the holding area", w.Files.RenameHeld(staged("f"), kept("f")), inArea(kept("f")))
	next("place", w.Files.Place(kept("f"), "g"), inTree("g"))
	h := w.stage("h", "h")
	wait()
	next("swap", w.Files.Swap(h, "g"), inArea(h))
	next("swap back", w.Files.Swap(h, "g"), inTree("g"))
	next("rename by somebody", w.Outside.Rename("g", "f"), inTree("f"))
	next("a time put back", w.Outside.Chtimes("f", 1e18), inTree("f"))

	w.must(w.Outside.Write("f", "F"))
	is := w.look("f").Stamp
	if is.ModTime == was.ModTime || is.Ctime <= was.Ctime || is.Ino != was.Ino {
		w.Errorf("a write in place: %+v, was %+v", is, was)
	}
	was = is
	wait()
	w.must(w.Outside.Chmod("f", 0o600))
	if is = w.look("f").Stamp; is.ModTime != was.ModTime || is.Ctime <= was.Ctime || is.Mode != 0o100600 {
		w.Errorf("chmod: %+v, was %+v", is, was)
	}
	// To set what is there already changes nothing.
	stamp, err := w.Files.SetMeta("f", vfs.Meta{Mode: 0o600, ModTime: is.ModTime, UID: int64(is.UID), GID: int64(is.GID)}, is)
	if err != nil || stamp != is || w.look("f").Stamp != is {
		w.Errorf("nothing set: %+v, %v, was %+v", stamp, err, is)
	}
	// A directory's own times are no evidence; it keeps its stamp.
	dir := w.look("d").Stamp
	w.write("d/new", "new")
	w.must(w.Files.Move("d", "e"))
	if got := w.look("e").Stamp; got != dir {
		w.Errorf("a directory: %+v, was %+v", got, dir)
	}
}
