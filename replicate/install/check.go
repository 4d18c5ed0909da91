package install

import (
	"errors"
	"io/fs"

	"duet/recovery/landing"
	"duet/scan/vfs"
	"duet/store/index"
)

// expected reports whether what is at p is still what the index says, to the
// last field of its stamp. If not, t is over: somebody changed it, and the
// scan has to look before anything is decided.
func (b *batch) expected(t *task, p index.Path, want index.Stamp) bool {
	info, err := b.files.Lstat(p)
	return t.found(info, err, want)
}

// found is expected of what was seen already.
func (t *task) found(info vfs.Info, err error, want index.Stamp) bool {
	switch {
	case errors.Is(err, fs.ErrNotExist) && t.verb == index.Shelve:
		t.done = true // deleted here, too
	case errors.Is(err, fs.ErrNotExist):
		t.raced = true
	case err != nil:
		t.fail("%w", err)
	case info.Stamp == want && !info.Mount:
		return true
	default:
		t.inTheWay(info)
	}
	return false
}

// inTheWay says why what is at t's path cannot be replaced. What a scan does
// not take up would not be settled by looking again: that is an error.
func (t *task) inTheWay(info vfs.Info) {
	switch {
	case info.Mount:
		t.fail("%w", vfs.ErrMount)
	case info.Type == vfs.Special:
		t.fail("what is there %w", vfs.ErrSpecial)
	default:
		t.raced = true
	}
}

// free reports whether nothing is at t's path. If something is, t is over.
func (b *batch) free(t *task) bool {
	info, err := b.files.Lstat(t.path)
	switch {
	case err == nil:
		t.inTheWay(info)
	case !errors.Is(err, fs.ErrNotExist):
		t.fail("%w", err)
	default:
		return true
	}
	return false
}

// guard is an open descriptor of a file that is about to be changed or to
// leave the tree: a process that has it open for writing would go on writing
// into it afterwards. A nil guard guards nothing: what is no file, or what we
// may not read, is told by its stamp alone.
type guard struct{ c vfs.Grip }

// guard opens what is at p, a file if kind says so. It returns false if t is over.
func (b *batch) guard(t *task, p index.Path, kind index.Kind, expect index.Stamp) (*guard, bool) {
	if kind != index.File {
		return nil, true
	}
	c, err := b.files.Open(p)
	if err != nil {
		return nil, t.unguarded(err)
	}
	info, err := c.Stat()
	return t.guarded(c, info, err, expect)
}

// unguarded says what it means that a file cannot be opened. It returns false if t
// is over.
func (t *task) unguarded(err error) bool {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return true
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, vfs.ErrChanged):
		t.raced = true
	default:
		t.fail("%w", err)
	}
	return false
}

// guarded makes a guard of what was opened, and looked at with that err.
func (t *task) guarded(c vfs.Grip, info vfs.Info, err error, expect index.Stamp) (*guard, bool) {
	g := &guard{c}
	switch {
	case g.written():
		t.busy = true
	case err != nil || info.Stamp != expect:
		t.raced = true
	default:
		return g, true
	}
	g.close()
	return nil, false
}

// written reports whether a process has the file open for writing.
func (g *guard) written() bool {
	if g == nil {
		return false
	}
	writers, known := g.c.Writers()
	return known && writers
}

func (g *guard) close() {
	if g != nil {
		_ = g.c.Close() // it was only read
	}
}

// landed looks at what is at t's path after something was placed, swapped or
// moved there. If that is not what it was when it was ready, somebody was
// quick: the index says what was installed, with a stamp that does not match,
// and the next look finds the edit.
func (b *batch) landed(t *task) {
	t.done, t.now = true, t.stamp
	info, err := b.files.Lstat(t.path)
	if err != nil || !landing.Unchanged(info.Stamp, t.stamp) {
		t.raced = true
		return
	}
	t.now = info.Stamp
}
