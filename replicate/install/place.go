package install

import (
	"errors"
	"io/fs"

	"duet/scan/vfs"
	"duet/store/index"
)

// place puts something where nothing is. Place does not replace, and so needs
// no check: whoever creates the path first has it.
func (b *batch) place(t *task) {
	err := b.files.Place(t.staged, t.path)
	switch {
	case errors.Is(err, fs.ErrExist):
		t.raced = b.free(t) || t.raced
	case errors.Is(err, fs.ErrNotExist):
		t.fail("%w: %w", ErrParent, err)
	case err != nil:
		t.fail("%w", err)
	default:
		b.landed(t)
		t.arrived()
	}
}

// move renames a file or symlink of the tree. Its metadata is set before, at
// the old name, so that it is right from the first instant at the new one.
//
// RACE: who opens the old name in between sees the new metadata there. A
// process that has the file open for writing goes on writing at the new name,
// where the scan finds it: no bytes leave the tree.
func (b *batch) move(t *task) {
	src := t.from
	was := b.follow(src)
	if was != nil {
		defer was.Close() // it was only read
	}
	if !b.expected(t, src.path, src.rec.Stamp) {
		return
	}
	t.stamp = src.rec.Stamp
	if !index.Same(src.rec.Ours, t.entry) {
		if !b.free(t) {
			return
		}
		stamp, ok := b.dress(t, src.path, src.rec)
		if !ok {
			return
		}
		t.stamp = stamp
	}
	err := b.files.Move(src.path, t.path)
	switch {
	case err == nil:
		b.moved(t, was)
		return
	case errors.Is(err, fs.ErrExist):
		t.raced = b.free(t) || t.raced
	case errors.Is(err, fs.ErrNotExist):
		if _, e := b.files.Lstat(src.path); errors.Is(e, fs.ErrNotExist) {
			t.raced = true
		} else {
			t.fail("%w: %w", ErrParent, err)
		}
	default:
		t.fail("%w", err)
	}
	b.undress(t)
}

// follow opens the file that is about to be moved, so that it can be told later
// where it went. What cannot be opened, or is no file, is not followed.
func (b *batch) follow(src *task) vfs.Content {
	if src.rec.Ours.Kind != index.File {
		return nil
	}
	c, err := b.files.Open(src.path)
	if err != nil {
		return nil
	}
	return c
}

// moved looks at what was moved. If the file had been replaced at its old name,
// it is somebody else's save that was moved, and that goes back to where it was
// made. Anything else that is not as it was has been done to it under its new
// name, and stays: the next look finds the edit.
//
// RACE: who writes into the file itself, in the microseconds between the check
// and the move, has written under the old name, and finds that under the new
// one, as if it had been before the peer's rename: bytes do not tell by which
// name they came. Nothing of it is lost.
func (b *batch) moved(t *task, was vfs.Content) {
	b.landed(t)
	if !t.raced || was == nil || !was.LostAt(t.from.path) {
		t.from.done = true
		return
	}
	// RACE: if the old name is taken again by now, both stay where they are:
	// the save is in the tree, at the new name, and the scan finds both.
	t.done = false
	if err := b.files.Move(t.path, t.from.path); err == nil {
		b.undress(t)
	}
}

// undress gives the source of a move that was not made its own metadata back.
// Else the next look would take ours for an edit, and keep the path alive.
func (b *batch) undress(t *task) {
	src := t.from
	if t.stamp == src.rec.Stamp {
		return
	}
	stamp, err := b.files.SetMeta(src.path, metaOf(src.rec.Stamp), t.stamp)
	if err != nil {
		src.raced = true
		return
	}
	src.retake = stamp
}
