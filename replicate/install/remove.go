package install

import (
	"errors"
	"io/fs"

	"duet/recovery/landing"
	"duet/scan/vfs"
	"duet/store/index"
)

// remove takes away what the peer deleted: a directory if it is empty, all
// else to the kept.
func (b *batch) remove(t *task) {
	switch {
	case t.to != nil && !t.to.done:
		t.stale = true // its move or copy was not made: not yet
		return
	case b.wentWith(t.path):
		t.done, t.with = true, true
		return
	case b.goesWith(t.path):
		t.stale = true
		return
	case t.clear != nil && b.clear(t.clear):
		return
	}
	at, err := vfs.NearTo(b.files, t.path)
	if err != nil {
		t.found(vfs.Info{}, err, t.rec.Stamp)
		return
	}
	defer at.Close()
	if info, err := at.Lstat(); !t.found(info, err, t.rec.Stamp) {
		return
	}
	if t.rec.Ours.Kind == index.Dir {
		t.cleared(b.files.Rmdir(t.path))
	} else {
		b.shelve(t, at, b.files, t.path)
	}
	if t.done {
		if _, err := at.Lstat(); !errors.Is(err, fs.ErrNotExist) {
			t.raced = true // there again
		}
	}
}

// shelve is RACE'd like swap; what should not have come out goes back to its
// name, p in files, unless somebody has that by now.
func (b *batch) shelve(t *task, at *vfs.Near, files vfs.Files, p index.Path) {
	var g *guard
	if t.rec.Ours.Kind == index.File {
		c, info, err := at.Grip()
		ok := false
		if c != nil {
			g, ok = t.guarded(c, info, err, t.rec.Stamp)
		} else {
			ok = t.unguarded(err)
		}
		if !ok {
			return
		}
	}
	defer g.close()
	h := vfs.Held{Area: vfs.Kept, Name: t.intent.Held}
	err := at.Shelve(h)
	if errors.Is(err, fs.ErrNotExist) {
		t.done = true
		return
	}
	if err != nil {
		t.fail("%w", err)
		return
	}
	info, err := b.files.LstatHeld(h)
	switch {
	case err != nil:
		t.fail("%w", err)
		t.open = true
		return
	case !landing.Unchanged(info.Stamp, t.rec.Stamp):
		t.raced = true
	case g.written():
		t.busy = true
	default:
		t.done = true
		t.out = &landing.Displaced{Held: h.Name, Entry: t.rec.Ours, Reason: t.reason()}
		return
	}
	returned, err := landing.Return(files, h, p)
	switch {
	case err != nil:
		t.fail("%w", err)
		t.open = true
	case !returned:
		t.raced = true
		t.out = &landing.Displaced{Held: h.Name, Entry: b.env.KnownAs(b.files, h), Reason: index.Raced}
	}
}

// wentWith reports whether p went out with a directory above it.
func (b *batch) wentWith(p index.Path) bool {
	return b.above(p, func(t *task) bool { return t.done })
}

// goesWith reports whether p is to go out with a directory above it, which
// could not go now: then it waits, so that the directory can go in one instant
// later. Not if the directory has something that stays: then it never goes as
// a whole.
func (b *batch) goesWith(p index.Path) bool {
	return b.above(p, func(t *task) bool { return !errors.Is(t.err, ErrLive) })
}

// above reports whether a directory above p that is to go out whole fulfils cond.
func (b *batch) above(p index.Path, cond func(*task) bool) bool {
	for len(b.out) > 0 && p != index.Root {
		p = p.Parent()
		if t := b.out[p]; t != nil && cond(t) {
			return true
		}
	}
	return false
}
