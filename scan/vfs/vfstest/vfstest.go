// Package vfstest says in tests what every vfs.Files must do: the one of a
// real disk, and one in memory that stands in for it.
package vfstest

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"testing"

	"duet/scan/vfs"
	"duet/store/index"
)

// World is a Files with an empty root and an empty holding area, and the
// people who use the same tree behind its back.
type World struct {
	Files   vfs.Files
	Outside Outside
}

// Outside is what people do to a tree. Paths are relative to the root. Every
// method stamps what it changes with new times.
type Outside interface {
	Mkdir(p string) error
	// Write creates or overwrites a file in place.
	Write(p, content string) error
	Symlink(target, p string) error
	Fifo(p string) error
	Rename(from, to string) error
	// Remove removes p and all below it.
	Remove(p string) error
	Read(p string) (string, error)
	Chtimes(p string, ns int64) error
	Chmod(p string, mode uint32) error
	// OpenForWriting keeps p open for writing, at its end, until it is closed.
	OpenForWriting(p string) (io.WriteCloser, error)
}

// Test holds a Files against the contract. open makes a new World each time,
// and closes it when its test ends.
func Test(t *testing.T, open func(t *testing.T) World) {
	for _, c := range []struct {
		name string
		test func(w *world)
	}{
		{"Identity", identity},
		{"Lstat", lstat},
		{"Absent", absent},
		{"WrongKind", wrongKind},
		{"BadPaths", badPaths},
		{"BadNames", badNames},
		{"SymlinkInTheWay", symlinkInTheWay},
		{"SymlinkItself", symlinkItself},
		{"List", list},
		{"RawNames", rawNames},
		{"DeepPath", deepPath},
		{"Read", read},
		{"Writers", writers},
		{"Draft", draft},
		{"Append", resume},
		{"Create", create},
		{"Stage", stage},
		{"Held", held},
		{"Inside", inside},
		{"Nested", nested},
		{"Copy", copies},
		{"Snapshot", snapshot},
		{"Place", place},
		{"Swap", swap},
		{"Move", move},
		{"Shelve", shelve},
		{"Rmdir", rmdir},
		{"SetMeta", setMeta},
		{"SetMetaBusy", setMetaBusy},
		{"Times", times},
		{"SyncDirs", syncDirs},
		{"SyncSeen", syncSeen},
		{"SyncMany", syncMany},
		{"OpenFile", openFile},
		{"OpenWriter", openWriter},
		{"OpenDir", openDir},
		{"Leases", leases},
		{"Stamps", stamps},
		{"Exchanges", exchanges},
		{"Taken", taken},
		{"Drafts", drafts},
		{"Copying", copying},
		{"LongTargets", longTargets},
		{"InsideOnly", insideOnly},
		{"Parallel", parallel},
		{"Close", closed},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := open(t)
			c.test(&world{T: t, World: w})
		})
	}
}

// world is a World whose outside fails the test by itself.
type world struct {
	*testing.T
	World
}

// plain is the metadata that staged things get where it does not matter.
var plain = vfs.Meta{Mode: 0o644, UID: -1, GID: -1}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// is fails the test unless err is want; nil is "no error".
func (w *world) is(what string, err, want error) {
	w.Helper()
	if want == nil && err != nil || want != nil && !errors.Is(err, want) {
		w.Errorf("%s: got error %v, want %v", what, err, want)
	}
	if err != nil && want != fs.ErrNotExist && errors.Is(err, fs.ErrNotExist) {
		w.Errorf("%s: %v says that the path is not there, and it is", what, err)
	}
}

// fails is for an error of no particular kind, which must not be absence.
func (w *world) fails(what string, err error) {
	w.Helper()
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		w.Errorf("%s: got error %v, want one that does not say absent", what, err)
	}
}

func (w *world) mkdir(p string)           { w.Helper(); w.must(w.Outside.Mkdir(p)) }
func (w *world) write(p, c string)        { w.Helper(); w.must(w.Outside.Write(p, c)) }
func (w *world) symlink(target, p string) { w.Helper(); w.must(w.Outside.Symlink(target, p)) }

// reads fails the test unless the outside reads want at p.
func (w *world) reads(p, want string) {
	w.Helper()
	got, err := w.Outside.Read(p)
	if err != nil || got != want {
		w.Errorf("%s holds %q, %v; want %q", p, got, err, want)
	}
}

func (w *world) gone(p index.Path) {
	w.Helper()
	_, err := w.Files.Lstat(p)
	w.is("lstat "+p.String(), err, fs.ErrNotExist)
}

func (w *world) look(p index.Path) vfs.Info {
	w.Helper()
	info, err := w.Files.Lstat(p)
	w.must(err)
	return info
}

func (w *world) lookHeld(h vfs.Held) vfs.Info {
	w.Helper()
	info, err := w.Files.LstatHeld(h)
	w.must(err)
	return info
}

func staged(name string) vfs.Held { return vfs.Held{Area: vfs.Stage, Name: name} }
func kept(name string) vfs.Held   { return vfs.Held{Area: vfs.Kept, Name: name} }

// stage makes a finished staged file.
func (w *world) stage(name, content string) vfs.Held {
	w.Helper()
	d, err := w.Files.Create(staged(name))
	w.must(err)
	_, err = io.WriteString(d, content)
	w.must(err)
	_, err = d.Finish(plain)
	w.must(err)
	w.must(d.Close())
	return staged(name)
}

// held fails the test unless h holds want.
func (w *world) holds(h vfs.Held, want string) {
	w.Helper()
	c, err := w.Files.OpenHeld(h)
	if err != nil {
		w.Errorf("open %v: %v", h, err)
		return
	}
	defer c.Close()
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, []byte(want)) {
		w.Errorf("%v holds %q, %v; want %q", h, got, err, want)
	}
}

func (w *world) notHeld(h vfs.Held) {
	w.Helper()
	_, err := w.Files.LstatHeld(h)
	w.is("lstat "+h.Name, err, fs.ErrNotExist)
}

// something is the stamp of nothing that exists.
var something = index.Stamp{Ino: 1 << 62, Mode: 0o100644}

// attempt is one operation on a path, for tables of what each must say.
type attempt struct {
	name string
	do   func(p index.Path) error
}

// attempts has every operation that takes a path.
func (w *world) attempts() []attempt {
	f := w.Files
	return []attempt{
		{"lstat", func(p index.Path) error { _, err := f.Lstat(p); return err }},
		{"open directory", func(p index.Path) error { _, err := f.OpenDir(p); return err }},
		{"open", func(p index.Path) error { _, err := f.Open(p); return err }},
		{"readlink", func(p index.Path) error { _, err := f.Readlink(p); return err }},
		{"snapshot", func(p index.Path) error { _, err := f.Snapshot(p, staged("snapshot")); return err }},
		{"place", func(p index.Path) error { return f.Place(staged("give"), p) }},
		{"swap", func(p index.Path) error { return f.Swap(staged("give"), p) }},
		{"move from", func(p index.Path) error { return f.Move(p, "moved") }},
		{"move to", func(p index.Path) error { return f.Move("have", p) }},
		{"shelve", func(p index.Path) error { return f.Shelve(p, kept("shelved")) }},
		{"set metadata", func(p index.Path) error { _, err := f.SetMeta(p, plain, index.Stamp{}); return err }},
		{"remove directory", func(p index.Path) error { return f.Rmdir(p) }},
		{"sync", func(p index.Path) error { return f.SyncSeen([]vfs.Seen{{Path: p, Stamp: something}})[0] }},
	}
}
