package vfstest

import (
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"

	"duet/scan/vfs"
	"duet/store/index"
)

func draft(w *world) {
	d, err := w.Files.Create(staged("f"))
	w.must(err)
	if info := w.lookHeld(staged("f")); info.Type != vfs.Regular || info.Stamp.Mode != 0o100600 {
		w.Errorf("a new draft: %+v", info)
	}
	_, err = io.WriteString(d, "0123456789")
	w.must(err)
	w.must(d.Truncate(4))
	_, err = io.WriteString(d, "ab")
	w.must(err)
	if d.Size() != 6 {
		w.Errorf("size %d, want 6", d.Size())
	}
	stamp, err := d.Finish(vfs.Meta{Mode: 0o4751, ModTime: 1e18 + 3, UID: -1, GID: -1})
	w.must(err)
	if stamp.Mode != 0o104751 || stamp.ModTime != 1e18+3 || stamp.Size != 6 {
		w.Errorf("stamp %+v", stamp)
	}
	if _, err := io.WriteString(d, "late"); err == nil {
		w.Error("wrote to a finished draft")
	}
	w.must(d.Close())
	if got := w.lookHeld(staged("f")).Stamp; got != stamp {
		w.Errorf("stamp on disk %+v, want %+v", got, stamp)
	}
	w.holds(staged("f"), "0123ab")
}

func resume(w *world) {
	for _, part := range []string{"one ", "two ", "three"} {
		d, err := w.Files.Append(staged("f"))
		w.must(err)
		before := d.Size()
		_, err = io.WriteString(d, part)
		w.must(err)
		if d.Size() != before+int64(len(part)) {
			w.Errorf("size %d after %d and %q", d.Size(), before, part)
		}
		// Even after a Finish that shut its owner out.
		_, err = d.Finish(vfs.Meta{Mode: 0o000, UID: -1, GID: -1})
		w.must(err)
		w.must(d.Close())
	}
	d, err := w.Files.Append(staged("f"))
	w.must(err)
	w.must(d.Close())
	w.holds(staged("f"), "one two three")
	_, err = w.Files.Append(kept("f"))
	w.fails("append to a kept file", err)
}

func create(w *world) {
	w.stage("f", "leftover")
	d, err := w.Files.Create(staged("f"))
	w.must(err)
	if d.Size() != 0 {
		w.Errorf("size of a new draft: %d", d.Size())
	}
	w.must(d.Close())
	w.holds(staged("f"), "")
	w.must(w.Files.RenameHeld(w.stage("g", "precious"), kept("g")))
	_, err = w.Files.Create(kept("g"))
	w.is("create over a kept file", err, fs.ErrExist)
	w.holds(kept("g"), "precious")
}

func stage(w *world) {
	stamp, err := w.Files.StageDir(staged("d"), vfs.Meta{Mode: 0o2750, UID: -1, GID: -1})
	w.must(err)
	if info := w.lookHeld(staged("d")); info.Stamp != stamp || stamp.Mode != 0o42750 || stamp.ModTime != 0 {
		w.Errorf("directory: %+v, returned %+v", info, stamp)
	}
	_, err = w.Files.StageDir(staged("d"), plain)
	w.is("make a directory twice", err, fs.ErrExist)

	stamp, err = w.Files.StageLink(staged("l"), "../anywhere", vfs.Meta{ModTime: 1e18 + 9, UID: -1, GID: -1})
	w.must(err)
	if info := w.lookHeld(staged("l")); info.Stamp != stamp || info.Type != vfs.Link || stamp.ModTime != 1e18+9 {
		w.Errorf("symlink: %+v, returned %+v", info, stamp)
	}
	if target, err := w.Files.ReadlinkHeld(staged("l")); err != nil || target != "../anywhere" {
		w.Errorf("target %q, %v", target, err)
	}
	_, err = w.Files.StageLink(staged("l"), "again", plain)
	w.is("make a symlink twice", err, fs.ErrExist)
	_, err = w.Files.StageLink(staged("e"), "", plain)
	w.fails("make a symlink to nothing", err)
	_, err = w.Files.OpenHeld(staged("l"))
	w.is("open a held symlink", err, vfs.ErrChanged)
	_, err = w.Files.Append(staged("l"))
	w.is("append to a held symlink", err, vfs.ErrChanged)
	_, err = w.Files.ReadlinkHeld(staged("d"))
	w.is("read a held directory as a symlink", err, vfs.ErrChanged)
}

func held(w *world) {
	for _, n := range []string{"c", "a", "b\n"} {
		w.stage(n, n)
	}
	infos, err := w.Files.ListHeld(vfs.Stage)
	w.must(err)
	var names []string
	for _, info := range infos {
		names = append(names, info.Name)
		if info != w.lookHeld(staged(info.Name)) {
			w.Errorf("listed %+v, is %+v", info, w.lookHeld(staged(info.Name)))
		}
	}
	if !slices.Equal(names, []string{"a", "b\n", "c"}) {
		w.Errorf("staged: %q", names)
	}
	if alone, err := w.Files.HeldNames(vfs.Stage); err != nil || !slices.Equal(alone, names) {
		w.Errorf("the names of what is staged: %q, %v", alone, err)
	}
	w.must(w.Files.RenameHeld(staged("a"), kept("a")))
	w.notHeld(staged("a"))
	w.is("rename to a taken name", w.Files.RenameHeld(staged("c"), kept("a")), fs.ErrExist)
	w.holds(kept("a"), "a")
	w.holds(staged("c"), "c")
	w.is("rename nothing", w.Files.RenameHeld(staged("no"), kept("no")), fs.ErrNotExist)
	w.must(w.Files.RemoveHeld(kept("a")))
	w.notHeld(kept("a"))
	w.is("remove nothing", w.Files.RemoveHeld(kept("a")), fs.ErrNotExist)
	_, err = w.Files.OpenHeld(kept("a"))
	w.is("open nothing", err, fs.ErrNotExist)

	// A whole directory, with one that its owner cannot enter, and a symlink
	// whose target must stay.
	w.write("outside", "canary")
	w.mkdir("d")
	w.mkdir("d/shut")
	w.write("d/shut/file", "x")
	w.symlink("../outside", "d/link")
	w.must(w.Outside.Chmod("d/shut", 0))
	w.must(w.Files.Shelve("d", kept("d")))
	w.must(w.Files.RemoveHeld(kept("d")))
	w.notHeld(kept("d"))
	w.reads("outside", "canary")
}

func inside(w *world) {
	w.mkdir("d")
	w.mkdir("d/sub")
	w.write("d/sub/file", "x")
	w.must(w.Files.Shelve("d", staged("d")))
	in, err := w.Files.Inside(staged("d"))
	w.must(err)
	if info, err := in.Lstat("sub/file"); err != nil || info.Stamp.Size != 1 {
		w.Errorf("inside: %+v, %v", info, err)
	}
	w.must(in.Shelve("sub/file", kept("file")))
	w.must(in.Close())
	w.holds(kept("file"), "x")
	_, err = w.Files.Inside(kept("file"))
	w.is("inside a file", err, vfs.ErrChanged)
	_, err = w.Files.Inside(kept("no"))
	w.is("inside nothing", err, fs.ErrNotExist)
}

func copies(w *world) {
	w.must(w.Files.RenameHeld(w.stage("f", "precious"), kept("f")))
	w.must(w.Files.CopyHeld(kept("f"), staged("copy")))
	w.holds(staged("copy"), "precious")
	w.holds(kept("f"), "precious")
	w.must(w.Files.CopyHeld(w.stage("g", "other"), staged("copy")))
	w.holds(staged("copy"), "other")
	w.is("copy onto a kept file", w.Files.CopyHeld(staged("g"), kept("f")), fs.ErrExist)
	w.holds(kept("f"), "precious")
	w.is("copy nothing", w.Files.CopyHeld(kept("no"), staged("no")), fs.ErrNotExist)
	w.notHeld(staged("no"))
	w.fails("copy onto itself", w.Files.CopyHeld(staged("g"), staged("g")))
	w.holds(staged("g"), "other")
}

func snapshot(w *world) {
	w.write("file", "content")
	stamp, err := w.Files.Snapshot("file", staged("s"))
	w.must(err)
	if stamp != w.look("file").Stamp {
		w.Errorf("stamp %+v, want %+v", stamp, w.look("file").Stamp)
	}
	w.holds(staged("s"), "content")
	if mode := w.lookHeld(staged("s")).Stamp.Mode; mode != 0o100600 {
		w.Errorf("a snapshot has mode %o", mode)
	}
	w.write("file", "new content")
	w.holds(staged("s"), "content")
}

func place(w *world) {
	h := w.stage("f", "new")
	before := w.lookHeld(h).Stamp
	w.mkdir("d")
	w.must(w.Files.Place(h, "d/f"))
	if after := w.look("d/f").Stamp; !after.SameBytes(before) {
		w.Errorf("placed %+v, staged %+v", after, before)
	}
	w.notHeld(h)
	w.reads("d/f", "new")

	w.mkdir("full")
	w.write("full/x", "x")
	w.mkdir("empty")
	w.symlink("nowhere", "dangling")
	for _, p := range []index.Path{"d/f", "empty", "full", "dangling"} {
		h := w.stage("g", "other")
		w.is("place a file at "+p.String(), w.Files.Place(h, p), fs.ErrExist)
		w.holds(h, "other")
		_, err := w.Files.StageDir(staged("dir"), plain)
		w.must(err)
		w.is("place a directory at "+p.String(), w.Files.Place(staged("dir"), p), fs.ErrExist)
		w.must(w.Files.RemoveHeld(staged("dir")))
	}
	w.reads("d/f", "new")
	w.reads("full/x", "x")
	w.is("place nothing", w.Files.Place(staged("no"), "no"), fs.ErrNotExist)
	w.gone("no")
}

func swap(w *world) {
	w.mkdir("d")
	w.write("d/x", "x")
	w.write("f", "old")
	w.symlink("d", "l")
	for _, p := range []index.Path{"f", "d", "l"} {
		old := w.look(p)
		h := w.stage("new", "new")
		mine := w.lookHeld(h).Stamp
		w.must(w.Files.Swap(h, p))
		if got := w.look(p); !got.Stamp.SameBytes(mine) {
			w.Errorf("%v is %+v, want %+v", p, got, mine)
		}
		w.reads(string(p), "new")
		out := w.lookHeld(h)
		if out.Type != old.Type || !out.Stamp.SameBytes(old.Stamp) {
			w.Errorf("out of %v came %+v, want %+v", p, out, old)
		}
		w.must(w.Files.RenameHeld(h, kept(string(p))))
	}
	w.holds(kept("f"), "old")
	if target, err := w.Files.ReadlinkHeld(kept("l")); err != nil || target != "d" {
		w.Errorf("the swapped symlink says %q, %v", target, err)
	}
	// Back again: a directory takes the place of a file.
	w.must(w.Files.Swap(kept("d"), "d"))
	w.reads("d/x", "x")
	w.holds(kept("d"), "new")

	h := w.stage("lone", "lone")
	w.is("swap with nothing", w.Files.Swap(h, "no"), fs.ErrNotExist)
	w.holds(h, "lone")
	w.gone("no")
	w.is("swap nothing", w.Files.Swap(staged("no"), "f"), fs.ErrNotExist)
	w.reads("f", "new")
}

func move(w *world) {
	w.mkdir("a")
	w.mkdir("b")
	w.mkdir("a/sub")
	w.write("a/sub/f", "f")
	w.write("a/x", "x")
	ino := w.look("a/sub").Stamp.Ino
	w.must(w.Files.Move("a/sub", "b/moved"))
	if got := w.look("b/moved").Stamp.Ino; got != ino {
		w.Errorf("moved inode %d, was %d", got, ino)
	}
	w.reads("b/moved/f", "f")
	w.gone("a/sub")
	w.must(w.Files.Move("a/x", "b/y"))
	w.reads("b/y", "x")

	w.write("a/z", "z")
	w.is("move over a file", w.Files.Move("a/z", "b/y"), fs.ErrExist)
	w.mkdir("empty")
	w.is("move a directory over an empty one", w.Files.Move("a", "empty"), fs.ErrExist)
	w.is("move to itself", w.Files.Move("a/z", "a/z"), fs.ErrExist)
	w.fails("move into itself", w.Files.Move("b", "b/moved/b"))
	w.is("move nothing", w.Files.Move("a/no", "a/new"), fs.ErrNotExist)
	w.reads("a/z", "z")
	w.reads("b/y", "x")
	w.reads("b/moved/f", "f")
	if left, err := w.Files.ListHeld(vfs.Stage); err != nil || len(left) != 0 {
		w.Errorf("left in the stage: %+v, %v", left, err)
	}
}

func shelve(w *world) {
	w.mkdir("d")
	w.write("d/f", "f")
	before := w.look("d/f").Stamp
	w.must(w.Files.Shelve("d/f", kept("f")))
	w.gone("d/f")
	if got := w.lookHeld(kept("f")).Stamp; !got.SameBytes(before) {
		w.Errorf("shelved %+v, was %+v", got, before)
	}
	w.write("d/f", "again")
	w.is("shelve to a taken name", w.Files.Shelve("d/f", kept("f")), fs.ErrExist)
	w.reads("d/f", "again")
	w.holds(kept("f"), "f")
	w.must(w.Files.Shelve("d", kept("d")))
	w.gone("d")
	if info := w.lookHeld(kept("d")); info.Type != vfs.Directory {
		w.Errorf("shelved directory: %+v", info)
	}
}

func rmdir(w *world) {
	w.mkdir("d")
	w.mkdir("d/empty")
	w.write("f", "f")
	w.symlink("d/empty", "link")
	w.is("remove a full directory", w.Files.Rmdir("d"), fs.ErrExist)
	w.is("remove a file", w.Files.Rmdir("f"), vfs.ErrChanged)
	w.is("remove a symlink", w.Files.Rmdir("link"), vfs.ErrChanged)
	w.reads("f", "f")
	w.must(w.Files.Rmdir("d/empty"))
	w.must(w.Files.Rmdir("d"))
	w.gone("d")
}

// parallel: one Files serves several goroutines.
func parallel(w *world) {
	w.mkdir("d")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 20 {
				p := index.Path(fmt.Sprintf("d/%d-%d", i, j))
				h := staged(fmt.Sprintf("%d-%d", i, j))
				d, err := w.Files.Create(h)
				if err != nil {
					w.Error(err)
					return
				}
				_, err = io.WriteString(d, string(p))
				if err == nil {
					err = d.Close()
				}
				if err == nil {
					err = w.Files.Place(h, p)
				}
				if err == nil {
					_, err = w.Files.Lstat(p)
				}
				if err != nil {
					w.Error(err)
				}
			}
		})
	}
	wg.Wait()
	d, err := w.Files.OpenDir("d")
	w.must(err)
	names, err := d.Names()
	if len(names) != 160 || err != nil {
		w.Errorf("%d names, %v; want 160", len(names), err)
	}
	w.must(d.Close())
}

func closed(w *world) {
	w.write("f", "f")
	c, err := w.Files.Open("f")
	w.must(err)
	w.must(w.Files.Close())
	w.must(w.Files.Close())
	if b, err := io.ReadAll(c); err != nil || string(b) != "f" {
		w.Errorf("read after the tree was closed: %q, %v", b, err)
	}
	w.must(c.Close())
	for _, a := range w.attempts() {
		w.fails(a.name+" after close", a.do("f"))
	}
	_, err = w.Files.Create(staged("x"))
	w.fails("create after close", err)
	w.fails("sync after close", w.Files.SyncDirs(nil))
	w.fails("sync after close", w.Files.SyncSeen([]vfs.Seen{{Path: "f"}})[0])
	w.reads("f", "f")
}
