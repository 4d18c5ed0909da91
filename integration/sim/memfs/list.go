package memfs

import (
	"fmt"
	"slices"
	"unsafe"
)

// Thing is one path and all that is known of it.
type Thing struct {
	Path   string
	Mode   uint32 // with the type bits
	Time   int64  // of files and symlinks
	Data   string
	Target string
	// Touched says that people made or changed it, and not only the daemon.
	Touched bool
}

// Dir, File and Link report what it is.
func (x Thing) Dir() bool { return x.Mode&typeMask == typeDir }

// File reports whether it is a regular file.
func (x Thing) File() bool { return x.Mode&typeMask == typeFile }

// Link reports whether it is a symlink.
func (x Thing) Link() bool { return x.Mode&typeMask == typeLink }

func (x Thing) String() string {
	switch {
	case x.Dir():
		return fmt.Sprintf("%s/ %04o", x.Path, x.Mode&0o7777)
	case x.Link():
		return fmt.Sprintf("%s -> %s @%d", x.Path, x.Target, x.Time)
	}
	text := x.Data
	if len(text) > 24 {
		text = fmt.Sprintf("%s… %d bytes", text[:24], len(text))
	}
	return fmt.Sprintf("%s %04o %q @%d", x.Path, x.Mode&0o7777, text, x.Time)
}

// Tree lists the tree, parents before what is in them.
func (d *Disk) Tree() []Thing { return d.list(d.root) }

// Area lists a folder of the holding area, with what is in directories there.
func (d *Disk) Area(name string) []Thing { return d.list(d.areas[name]) }

func (d *Disk) list(dir *node) []Thing {
	d.mu.Lock()
	defer d.mu.Unlock()
	return below(nil, dir, "")
}

func below(out []Thing, dir *node, prefix string) []Thing {
	for _, name := range sortedNames(dir) {
		n := dir.kids[name]
		x := thing(prefix+name, n)
		out = append(out, x)
		if n.isDir() {
			out = below(out, n, x.Path+"/")
		}
	}
	return out
}

func thing(path string, n *node) Thing {
	// No byte of data ever changes in its place, so no copy is needed.
	data := unsafe.String(unsafe.SliceData(n.data), len(n.data))
	x := Thing{Path: path, Mode: n.mode, Data: data, Target: n.target, Touched: n.touched}
	if !n.isDir() {
		x.Time = n.mtime
	}
	return x
}

// Lines puts a list into words.
func Lines(things []Thing) []string {
	out := make([]string, len(things))
	for i, x := range things {
		out[i] = x.String()
	}
	return slices.Clip(out)
}
