package vfstest

import (
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"

	"duet/scan/vfs"
	"duet/store/index"
)

func identity(w *world) {
	now, err := w.Files.Identity()
	w.must(err)
	if opened := w.Files.Opened(); !now.Same(opened) || opened.Ino == 0 {
		w.Errorf("opened %+v, now %+v", opened, now)
	}
	if free, err := w.Files.Free(); err != nil || free <= 0 {
		w.Errorf("free: %d, %v", free, err)
	} else if all, err := w.Files.Capacity(); err != nil || all < free {
		w.Errorf("capacity: %d, %v, and %d are free", all, err, free)
	}
}

func lstat(w *world) {
	w.mkdir("d")
	w.write("d/file", "12345")
	w.symlink("d/file", "link")
	w.must(w.Outside.Chtimes("d/file", 1e18+7))
	w.must(w.Outside.Chmod("d/file", 0o640))

	root := w.look(index.Root)
	if root.Type != vfs.Directory || root.Mount {
		w.Errorf("root: %+v", root)
	}
	d := w.look("d")
	if d.Type != vfs.Directory || d.Mount || d.Name != "d" || d.Stamp.Mode != 0o40755 {
		w.Errorf("directory: %+v", d)
	}
	if d.Stamp.Size != 0 || d.Stamp.ModTime != 0 || d.Stamp.Ctime != 0 || d.Stamp.Ino == 0 {
		w.Errorf("a directory's stamp has only inode, mode and owner, got %+v", d.Stamp)
	}
	f := w.look("d/file")
	if f.Type != vfs.Regular || f.Name != "file" || f.Mount || f.Stamp.Size != 5 ||
		f.Stamp.ModTime != 1e18+7 || f.Stamp.Mode != 0o100640 || f.Stamp.Ctime == 0 || f.Stamp.Ino == 0 {
		w.Errorf("file: %+v", f)
	}
	l := w.look("link")
	if l.Type != vfs.Link || l.Stamp.Mode&0o170000 != 0o120000 || l.Stamp.Size != 6 || l.Stamp.ModTime == 0 {
		w.Errorf("symlink: %+v", l)
	}
	if target, err := w.Files.Readlink("link"); err != nil || target != "d/file" {
		w.Errorf("readlink: %q, %v", target, err)
	}
}

// absent is rule 2: what is not there is reported as that by every operation.
func absent(w *world) {
	w.mkdir("d")
	w.write("file", "x")
	w.write("have", "y")
	w.symlink("d", "link")
	w.symlink("nowhere", "dangling")
	give := w.stage("give", "z")
	for _, p := range []index.Path{"no", "d/no", "no/no", "file/no", "link/no", "dangling/no", "d/no/no", "file/no/no"} {
		for _, a := range w.attempts() {
			if p.Parent() == index.Root || p == "d/no" {
				if a.name == "place" || a.name == "move to" {
					continue // they want it to be free
				}
			}
			w.is(a.name+" "+p.String(), a.do(p), fs.ErrNotExist)
		}
	}
	w.holds(give, "z")
	w.reads("have", "y")
	w.reads("file", "x")
}

func wrongKind(w *world) {
	w.mkdir("d")
	w.write("file", "x")
	w.symlink("file", "link")
	_, err := w.Files.Open("d")
	w.is("open a directory", err, vfs.ErrChanged)
	_, err = w.Files.Open("link")
	w.is("open a symlink", err, vfs.ErrChanged)
	_, err = w.Files.OpenDir("file")
	w.is("open a file as a directory", err, vfs.ErrChanged)
	_, err = w.Files.OpenDir("link")
	w.is("open a symlink as a directory", err, vfs.ErrChanged)
	_, err = w.Files.Readlink("file")
	w.is("read a file as a symlink", err, vfs.ErrChanged)
	_, err = w.Files.Readlink("d")
	w.is("read a directory as a symlink", err, vfs.ErrChanged)
	_, err = w.Files.Snapshot("d", staged("s"))
	w.is("snapshot a directory", err, vfs.ErrChanged)

	if err := w.Outside.Fifo("fifo"); errors.Is(err, errors.ErrUnsupported) {
		return
	}
	if info := w.look("fifo"); info.Type != vfs.Special {
		w.Errorf("FIFO: %+v", info)
	}
	_, err = w.Files.Open("fifo")
	w.is("open a FIFO", err, vfs.ErrSpecial)
	_, err = w.Files.Snapshot("fifo", staged("s"))
	w.is("snapshot a FIFO", err, vfs.ErrSpecial)
	_, err = w.Files.SetMeta("fifo", plain, w.look("fifo").Stamp)
	w.is("set metadata of a FIFO", err, vfs.ErrSpecial)
	w.notHeld(staged("s"))
}

// badPaths are what a wrong caller could make of a hostile peer's words.
func badPaths(w *world) {
	w.write("have", "y")
	w.mkdir("d")
	w.stage("give", "z")
	for _, p := range []index.Path{"..", ".", "../x", "d/..", "d/../x", "/etc", "/", "d//x", "d/", "d/./x", "nul\x00"} {
		for _, a := range w.attempts() {
			w.fails(a.name+" "+p.String(), a.do(p))
		}
	}
	w.fails("place at the root", w.Files.Place(staged("give"), index.Root))
	w.fails("swap with the root", w.Files.Swap(staged("give"), index.Root))
	w.fails("shelve the root", w.Files.Shelve(index.Root, kept("root")))
	w.holds(staged("give"), "z")
}

func badNames(w *world) {
	w.write("have", "y")
	for _, h := range []vfs.Held{staged(""), staged("."), staged(".."), staged("a/b"), staged("../kept/x"),
		staged("nul\x00"), {Area: "other", Name: "x"}, {Name: "x"}, {Area: "..", Name: "x"}} {
		_, err := w.Files.Create(h)
		w.fails("create", err)
		_, err = w.Files.Append(h)
		w.fails("append", err)
		_, err = w.Files.OpenHeld(h)
		w.fails("open", err)
		_, err = w.Files.StageDir(h, plain)
		w.fails("make directory", err)
		w.fails("shelve", w.Files.Shelve("have", h))
		w.fails("remove", w.Files.RemoveHeld(h))
		w.fails("rename", w.Files.RenameHeld(w.stage("ok", ""), h))
	}
	_, err := w.Files.ListHeld("..")
	w.fails("list", err)
	_, err = w.Files.HeldNames("..")
	w.fails("list names", err)
	w.reads("have", "y")
}

// symlinkInTheWay is what "none follows a symlink" means for a directory on
// the way: nothing behind it is reached, by any operation.
func symlinkInTheWay(w *world) {
	w.mkdir("real")
	w.mkdir("real/dir")
	w.write("real/file", "canary")
	w.symlink("file", "real/sym")
	w.symlink("real", "link")
	w.write("have", "y")
	give := w.stage("give", "z")
	before := w.look("real/file").Stamp
	for _, p := range []index.Path{"link/file", "link/dir", "link/sym", "link/new", "link/dir/new"} {
		for _, a := range w.attempts() {
			w.is(a.name+" "+p.String(), a.do(p), fs.ErrNotExist)
		}
	}
	_, err := w.Files.SetMeta("link/file", vfs.Meta{Mode: 0o777, UID: -1, GID: -1}, before)
	w.is("set metadata through a symlink", err, fs.ErrNotExist)
	if after := w.look("real/file").Stamp; after != before {
		w.Errorf("the file behind the symlink changed: %+v, was %+v", after, before)
	}
	w.gone("real/new")
	w.gone("real/dir/new")
	w.holds(give, "z")
	w.reads("have", "y")
}

func list(w *world) {
	names := []string{"b", "a", "a.b", "a-b", "B", "ab", "ä", ".hidden"}
	for _, n := range names {
		w.write(n, n)
	}
	w.mkdir("dir")
	w.mkdir("dir/empty")
	d, err := w.Files.OpenDir(index.Root)
	w.must(err)
	defer d.Close()
	for range 2 {
		got, err := d.Names()
		w.must(err)
		want := slices.Sorted(slices.Values(append([]string{"dir"}, names...)))
		if !slices.Equal(got, want) {
			w.Errorf("names %q, want %q", got, want)
		}
	}
	info, err := d.Lstat("ab")
	if err != nil || info != w.look("ab") {
		w.Errorf("lstat in the directory: %+v, %v; want %+v", info, err, w.look("ab"))
	}
	_, err = d.Lstat("none")
	w.is("lstat of nothing", err, fs.ErrNotExist)
	_, err = d.Lstat("dir/empty")
	w.fails("lstat of two names", err)
	_, err = d.Lstat("..")
	w.fails("lstat of ..", err)

	empty, err := w.Files.OpenDir("dir/empty")
	w.must(err)
	defer empty.Close()
	if got, err := empty.Names(); err != nil || len(got) != 0 {
		w.Errorf("empty directory: %q, %v", got, err)
	}
	w.must(w.Outside.Remove("dir/empty"))
	if got, err := empty.Names(); len(got) != 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.Errorf("removed directory: %q, %v", got, err)
	}
}

// rawNames: any name that Linux allows is a name.
func rawNames(w *world) {
	for _, n := range []string{"new\nline", "\xff\xfe", "tab\t", `quo"te\`, " ", "-rf", "~", "*", "\u202e", strings.Repeat("n", 255)} {
		p := index.Path("dir-" + n[:min(len(n), 250)])
		dir, err := w.Files.StageDir(staged("d"), vfs.Meta{Mode: 0o755, UID: -1, GID: -1})
		w.must(err)
		w.must(w.Files.Place(staged("d"), p))
		file := p + "/" + index.Path(n)
		w.must(w.Files.Place(w.stage("f", n), file))
		w.reads(string(file), n)
		if got := w.look(file); got.Name != n {
			w.Errorf("name %q, want %q", got.Name, n)
		}
		if got := w.look(p).Stamp; got != dir {
			w.Errorf("directory %v: stamp %+v, want %+v", p, got, dir)
		}
		if _, err := w.Files.StageLink(staged("l"), n+"\xff/..", plain); err != nil {
			w.Fatal(err)
		}
		w.must(w.Files.Place(staged("l"), p+"/l"))
		if got, err := w.Files.Readlink(p + "/l"); err != nil || got != n+"\xff/.." {
			w.Errorf("target %q, %v", got, err)
		}
	}
}

// deepPath: the longest Path there is, longer than the kernel takes at once.
func deepPath(w *world) {
	var p index.Path
	name := strings.Repeat("d", 13)
	for len(p)+1+len(name) < index.MaxPath-14 {
		q, err := p.Join(name)
		w.must(err)
		_, err = w.Files.StageDir(staged("d"), vfs.Meta{Mode: 0o755, UID: -1, GID: -1})
		w.must(err)
		w.must(w.Files.Place(staged("d"), q))
		p = q
	}
	leaf := index.Path(strings.Repeat("f", index.MaxPath-1-len(p)))
	p += "/" + leaf
	if len(p) != index.MaxPath {
		w.Fatalf("a path of %d bytes", len(p))
	}
	w.must(w.Files.Place(w.stage("f", "deep"), p))
	if info := w.look(p); info.Stamp.Size != 4 {
		w.Errorf("deep file: %+v", info)
	}
	w.must(w.Files.SyncDirs([]index.Path{p.Parent()}))
	w.must(w.Files.Move(p, p[:len(p)-1]+"g"))
	w.must(w.Files.Shelve(p[:len(p)-1]+"g", kept("deep")))
	w.holds(kept("deep"), "deep")
	w.is("lstat below the deepest", func() error { _, err := w.Files.Lstat(p.Parent() + "/f/g"); return err }(), fs.ErrNotExist)
	w.must(w.Files.Shelve(index.Path(name), kept("all")))
	w.must(w.Files.RemoveHeld(kept("all")))
	w.notHeld(kept("all"))
}

func read(w *world) {
	w.write("file", "0123456789")
	c, err := w.Files.Open("file")
	w.must(err)
	defer c.Close()
	if info, err := c.Stat(); err != nil || info != w.look("file") {
		w.Errorf("stat of the open file: %+v, %v; want %+v", info, err, w.look("file"))
	}
	b := make([]byte, 3)
	if n, err := c.ReadAt(b, 5); n != 3 || err != nil || string(b) != "567" {
		w.Errorf("read at 5: %q, %v", b, err)
	}
	if n, err := c.ReadAt(b, 9); n != 1 || err != io.EOF {
		w.Errorf("read at the end: %d, %v", n, err)
	}
	if all, err := io.ReadAll(c); err != nil || string(all) != "0123456789" {
		w.Errorf("read: %q, %v", all, err)
	}
	// It stays what it was when its name goes to something else.
	w.must(w.Files.Swap(w.stage("other", "new"), "file"))
	if n, err := c.ReadAt(b, 0); n != 3 || err != nil || string(b) != "012" {
		w.Errorf("read after a swap: %q, %v", b, err)
	}
}

func writers(w *world) {
	w.write("file", "x")
	c, err := w.Files.Open("file")
	w.must(err)
	defer c.Close()
	busy, known := c.Writers()
	if busy {
		w.Error("a file that nobody writes has writers")
	}
	if !known {
		w.Skip("whether a file has writers cannot be known here")
	}
	hold, err := w.Outside.OpenForWriting("file")
	w.must(err)
	if busy, known := c.Writers(); !busy || !known {
		w.Errorf("open for writing: writers %v, known %v", busy, known)
	}
	w.must(hold.Close())
	if busy, known := c.Writers(); busy || !known {
		w.Errorf("closed again: writers %v, known %v", busy, known)
	}
	w.write("file", "nobody was kept from writing")
}
