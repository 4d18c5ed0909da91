package vfstest

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"duet/scan/vfs"
	"duet/store/index"
)

// Blackout is a story that ends with a power failure.
type Blackout struct {
	Name string
	do   func(w *world)
	left func(w *world) // what must hold after it, whatever was lost
}

// Do is what happens before the power fails.
func (b Blackout) Do(t *testing.T, w World) { b.do(&world{T: t, World: w}) }

// Left checks what is there after it, and returns a picture of that: two
// filesystems that lost the same have the same picture.
func (b Blackout) Left(t *testing.T, w World) string {
	x := &world{T: t, World: w}
	b.left(x)
	return x.picture()
}

// Blackouts are all stories. What was synced is there; of what was not, each
// change was made or was not, and nothing is ever half there.
func Blackouts() []Blackout {
	return []Blackout{
		{"placed", func(w *world) { w.place("f"); w.syncDirs(index.Root) }, func(w *world) { w.has("f", "new"); w.stageEmpty() }},
		{"placed, not synced", func(w *world) { w.place("f") }, func(w *world) { w.either("f", "new", "") }},
		{"swapped", func(w *world) { w.old("f"); w.swap("f"); w.syncDirs(index.Root) }, func(w *world) { w.has("f", "new"); w.holds(staged("s-f"), "old") }},
		{"swapped, not synced", func(w *world) { w.old("f"); w.swap("f") }, func(w *world) { w.either("f", "new", "old") }},
		{"swapped and kept", func(w *world) { w.old("f"); w.swap("f"); w.keep("s-f"); w.syncDirs(index.Root) },
			func(w *world) { w.has("f", "new"); w.holds(kept("s-f"), "old"); w.stageEmpty() }},
		{"swapped and kept, not synced", func(w *world) { w.old("f"); w.swap("f"); w.keep("s-f") }, func(w *world) { w.either("f", "new", "old"); w.somewhere("old") }},
		{"shelved", func(w *world) { w.old("f"); w.shelve("f"); w.syncDirs(index.Root) }, func(w *world) { w.gone("f"); w.holds(kept("f"), "old") }},
		{"shelved, not synced", func(w *world) { w.old("f"); w.shelve("f") }, func(w *world) { w.once("old") }},
		{"moved", func(w *world) { w.old("d/f", "e"); w.must(w.Files.Move("d/f", "e/g")); w.syncDirs("d", "e") },
			func(w *world) { w.gone("d/f"); w.has("e/g", "old") }},
		{"moved, not synced", func(w *world) { w.old("d/f", "e"); w.must(w.Files.Move("d/f", "e/g")) }, func(w *world) { w.once("old") }},
		{"a directory and what is in it", func(w *world) { w.placeDir("d"); w.place("d/f"); w.syncDirs(index.Root, "d") }, func(w *world) { w.has("d/f", "new") }},
		{"a directory of which only the inside is synced", func(w *world) { w.placeDir("d"); w.place("d/f"); w.syncDirs("d") }, func(w *world) { w.either("d/f", "new", "") }},
		{"a symlink", func(w *world) { w.placeLink("l"); w.syncDirs(index.Root) }, func(w *world) { w.links("l", "target") }},
		{"a removed directory", func(w *world) { w.old("d/f"); w.shelve("d/f"); w.must(w.Files.Rmdir("d")); w.syncDirs(index.Root) },
			func(w *world) { w.gone("d"); w.somewhere("old") }},
		{"metadata", func(w *world) { w.old("f"); w.dress("f", true) }, func(w *world) { w.has("f", "old"); w.dressed("f") }},
		{"metadata, not synced", func(w *world) { w.old("f"); w.dress("f", false) }, func(w *world) { w.has("f", "old") }},
		{"one after the other", func(w *world) { w.old("d/x", "e"); w.place("d/f"); w.place("e/f"); w.syncDirs("e") }, func(w *world) { w.either("d/f", "new", ""); w.has("e/f", "new") }},
		{"a draft", func(w *world) { w.draft("f"); w.syncDirs() }, func(w *world) { w.gone("f") }},
		{"an expired version", func(w *world) {
			w.old("f")
			w.shelve("f")
			w.syncDirs(index.Root)
			w.must(w.Files.RemoveHeld(kept("f")))
			w.syncDirs()
		},
			func(w *world) { w.notHeld(kept("f")) }},

		{"a user's file", func(w *world) { w.write("f", "new"); w.settled("f") }, func(w *world) { w.has("f", "new") }},
		{"a user's file, not synced", func(w *world) { w.write("f", "new") }, func(w *world) { w.unsynced("f", "new") }},
		{"a user's new directories", func(w *world) { w.mkdir("a"); w.mkdir("a/b"); w.write("a/b/f", "new"); w.settled("a", "a/b", "a/b/f") },
			func(w *world) { w.has("a/b/f", "new") }},
		{"a user's overwriting", func(w *world) { w.old("f"); w.write("f", "new"); w.settled("f") }, func(w *world) { w.has("f", "new") }},
		{"a user's overwriting, not synced", func(w *world) { w.old("f"); w.write("f", "new") }, func(w *world) { w.look("f") }},
		{"a user's delete", func(w *world) { w.old("f"); w.must(w.Outside.Remove("f")); w.settled("f") }, func(w *world) { w.gone("f") }},
		{"a user's delete, not synced", func(w *world) { w.old("f"); w.must(w.Outside.Remove("f")) }, func(w *world) { w.either("f", "old", "") }},
		{"a user's rename", func(w *world) { w.old("f"); w.old("g"); w.must(w.Outside.Rename("g", "f")); w.settled("f", "g") },
			func(w *world) { w.gone("g"); w.has("f", "old") }},
		{"a user's symlink", func(w *world) { w.symlink("target", "l"); w.settled("l") }, func(w *world) { w.links("l", "target") }},
		{"a user's chmod", func(w *world) { w.old("f"); w.must(w.Outside.Chmod("f", 0o600)); w.settled("f") },
			func(w *world) {
				if got := w.look("f").Stamp.Mode; got != 0o100600 {
					w.Errorf("its mode is %o", got)
				}
			}},
	}
}

// old makes a file that holds "old", and empty directories, on stable storage.
func (w *world) old(p string, dirs ...string) {
	w.Helper()
	if dir := index.Path(p).Parent(); dir != index.Root {
		dirs = append(dirs, string(dir))
	}
	for _, dir := range dirs {
		w.mkdir(dir)
		w.settled(index.Path(dir))
	}
	w.write(p, "old")
	w.settled(index.Path(p))
}

// settled puts on stable storage what is, or is not, at paths.
func (w *world) settled(paths ...index.Path) {
	w.Helper()
	var seen []vfs.Seen
	for _, p := range paths {
		info, err := w.Files.Lstat(p)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			w.Fatal(err)
		}
		seen = append(seen, vfs.Seen{Path: p, Stamp: info.Stamp})
	}
	w.must(errors.Join(w.Files.SyncSeen(seen)...))
}

func (w *world) syncDirs(dirs ...index.Path) { w.Helper(); w.must(w.Files.SyncDirs(dirs)) }

func (w *world) place(p index.Path) { w.Helper(); w.must(w.Files.Place(w.stage("p", "new"), p)) }
func (w *world) swap(p index.Path) {
	w.Helper()
	w.must(w.Files.Swap(w.stage("s-"+string(p), "new"), p))
}
func (w *world) shelve(p index.Path) { w.Helper(); w.must(w.Files.Shelve(p, kept(p.Leaf()))) }
func (w *world) keep(name string)    { w.Helper(); w.must(w.Files.RenameHeld(staged(name), kept(name))) }

func (w *world) placeDir(p index.Path) {
	w.Helper()
	_, err := w.Files.StageDir(staged("d"), vfs.Meta{Mode: 0o755, UID: -1, GID: -1})
	w.must(err)
	w.must(w.Files.Place(staged("d"), p))
}

func (w *world) placeLink(p index.Path) {
	w.Helper()
	_, err := w.Files.StageLink(staged("l"), "target", plain)
	w.must(err)
	w.must(w.Files.Place(staged("l"), p))
}

func (w *world) draft(name string) {
	w.Helper()
	d, err := w.Files.Create(staged(name))
	w.must(err)
	_, err = d.Write([]byte("new"))
	w.must(errors.Join(err, d.Close()))
}

func (w *world) dress(p index.Path, synced bool) {
	w.Helper()
	c, err := w.Files.Open(p)
	w.must(err)
	_, err = w.Files.SetMeta(p, vfs.Meta{Mode: 0o600, ModTime: 1e18, UID: -1, GID: -1}, w.look(p).Stamp)
	if synced {
		err = errors.Join(err, c.Sync())
	}
	w.must(errors.Join(err, c.Close()))
}

func (w *world) dressed(p index.Path) {
	w.Helper()
	if got := w.look(p).Stamp; got.Mode != 0o100600 || got.ModTime != 1e18 {
		w.Errorf("%v: %+v, and other metadata was synced", p, got)
	}
}

// has fails the test unless p holds want.
func (w *world) has(p index.Path, want string) { w.Helper(); w.reads(string(p), want) }

// either fails the test unless p holds a or b; "" is nothing at all.
func (w *world) either(p index.Path, a, b string) {
	w.Helper()
	got, err := w.Outside.Read(string(p))
	switch {
	case errors.Is(err, fs.ErrNotExist) && b == "":
	case err != nil || got != a && got != b || got == "":
		w.Errorf("%v holds %q, %v; want %q or %q", p, got, err, a, b)
	}
}

// unsynced: there or not, and what is in it may be anything of the same length
// or less.
func (w *world) unsynced(p index.Path, all string) {
	w.Helper()
	got, err := w.Outside.Read(string(p))
	if err != nil && !errors.Is(err, fs.ErrNotExist) || len(got) > len(all) {
		w.Errorf("%v holds %q, %v", p, got, err)
	}
}

func (w *world) links(p index.Path, want string) {
	w.Helper()
	if got, err := w.Files.Readlink(p); err != nil || got != want {
		w.Errorf("%v says %q, %v; want %q", p, got, err, want)
	}
}

func (w *world) stageEmpty() {
	w.Helper()
	if left, err := w.Files.ListHeld(vfs.Stage); err != nil || len(left) != 0 {
		w.Errorf("left in the stage: %+v, %v", left, err)
	}
}

// somewhere fails the test unless a content is in the tree or the holding area.
func (w *world) somewhere(content string) {
	w.Helper()
	if !strings.Contains(w.picture(), fmt.Sprintf(" %q", content)) {
		w.Errorf("%q is nowhere:\n%s", content, w.picture())
	}
}

// once fails the test unless it is there, once.
func (w *world) once(content string) {
	w.Helper()
	if n := strings.Count(w.picture(), fmt.Sprintf(" %q", content)); n != 1 {
		w.Errorf("%q is there %d times:\n%s", content, n, w.picture())
	}
}

// picture lists all that is there.
func (w *world) picture() string {
	w.Helper()
	lines := w.pictureOf(w.Files, index.Root, "")
	for _, area := range []vfs.Area{vfs.Stage, vfs.Kept} {
		infos, err := w.Files.ListHeld(area)
		w.must(err)
		for _, info := range infos {
			h := vfs.Held{Area: area, Name: info.Name}
			name := string(area) + ":" + info.Name
			switch info.Type {
			case vfs.Directory:
				in, err := w.Files.Inside(h)
				w.must(err)
				lines = append(lines, name+"/")
				lines = append(lines, w.pictureOf(in, index.Root, name+"/")...)
				w.must(in.Close())
			case vfs.Regular:
				lines = append(lines, fmt.Sprintf("%s %q %s", name, w.textHeld(h), metaOf(info)))
			default:
				lines = append(lines, name+" ->")
			}
		}
	}
	return strings.Join(lines, "\n")
}

func (w *world) pictureOf(f vfs.Files, dir index.Path, prefix string) (lines []string) {
	w.Helper()
	d, err := f.OpenDir(dir)
	w.must(err)
	defer d.Close()
	names, err := d.Names()
	w.must(err)
	slices.Sort(names)
	for _, name := range names {
		p, err := dir.Join(name)
		w.must(err)
		info, err := d.Lstat(name)
		w.must(err)
		switch info.Type {
		case vfs.Directory:
			lines = append(lines, prefix+string(p)+"/")
			lines = append(lines, w.pictureOf(f, p, prefix)...)
		case vfs.Link:
			target, err := f.Readlink(p)
			w.must(err)
			lines = append(lines, fmt.Sprintf("%s%s -> %q", prefix, p, target))
		default:
			c, err := f.Open(p)
			w.must(err)
			lines = append(lines, fmt.Sprintf("%s%s %q %s", prefix, p, w.text(c), metaOf(info)))
			w.must(c.Close())
		}
	}
	return lines
}

// metaOf is the metadata that was set by somebody, and not by the clock.
func metaOf(info vfs.Info) string {
	return fmt.Sprintf("%o %v", info.Stamp.Mode, info.Stamp.ModTime == 1e18)
}
