package install

import (
	"errors"
	"io/fs"

	"duet/scan/vfs"
	"duet/store/index"
)

// setMeta sets the metadata of something whose content is right.
func (b *batch) setMeta(t *task) {
	if !b.expected(t, t.path, t.rec.Stamp) {
		return
	}
	if stamp, ok := b.dress(t, t.path, t.rec); ok {
		t.done, t.now = true, stamp
	}
}

// dress sets t's metadata on what is at p, whose record is was. It returns
// false if t is over.
//
// RACE: what a process writes between the check in SetMeta and the setting of
// the time is hidden by the time that it gets. SetMeta has a lease against
// that. Where there are none, only a new size is seen here; the window is some
// microseconds, and is not there if the time need not change.
func (b *batch) dress(t *task, p index.Path, was *index.Record) (index.Stamp, bool) {
	m := b.env.Meta(t.entry, was)
	if t.entry.ModTime == was.Ours.ModTime {
		m.ModTime = 0
	}
	stamp, err := b.files.SetMeta(p, m, was.Stamp)
	switch {
	case errors.Is(err, vfs.ErrBusy):
		t.busy = true
	case errors.Is(err, vfs.ErrChanged), errors.Is(err, fs.ErrNotExist):
		t.raced = true
	case err != nil:
		// It may be half set. The stamp does not match until the next look has
		// settled that.
		t.fail("%w", err)
	}
	if stamp.Size != was.Stamp.Size {
		t.raced = t.raced || err == nil
		stamp.Ctime = 0 // matches nothing: it is read again
	}
	return stamp, err == nil
}

// metaOf is the metadata that a stamp has.
func metaOf(s index.Stamp) vfs.Meta {
	return vfs.Meta{Mode: s.Mode & 07777, ModTime: s.ModTime, UID: int64(s.UID), GID: int64(s.GID)}
}
