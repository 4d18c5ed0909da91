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
	g, ok := b.guard(t, t.path, t.entry.Kind, t.rec.Stamp)
	if !ok {
		return
	}
	defer g.close()
	if stamp, ok := b.dress(t, t.path, t.rec, g); ok {
		t.done, t.now = true, stamp
	}
}

// dress sets t's metadata on what is at p, whose record is was. It returns
// false if t is over.
//
// RACE: a process that opens the file, writes and closes it again, all between
// the check inside SetMeta and its setting of mtime, some microseconds, has its
// own mtime covered by ours. If the size changed, or the file is still open,
// that is seen; else the edit is found when the content is next read.
// Where mtime need not change it is not set, and there is no window.
func (b *batch) dress(t *task, p index.Path, was *index.Record, g *guard) (index.Stamp, bool) {
	m := b.env.Meta(t.entry, was)
	if t.entry.ModTime == was.Ours.ModTime {
		m.ModTime = 0
	}
	stamp, err := b.files.SetMeta(p, m, was.Stamp)
	switch {
	case errors.Is(err, vfs.ErrChanged), errors.Is(err, fs.ErrNotExist):
		t.raced = true
		return stamp, false
	case err != nil:
		// It may be half set. Say nothing: the same is tried again, and until
		// then the stamp does not match, which the next look settles.
		t.fail("%w", err)
		return stamp, false
	}
	if g.written() || stamp.Size != was.Stamp.Size {
		t.raced = true
		stamp.Ctime = 0 // matches nothing: read it again
	}
	return stamp, true
}

// metaOf is the metadata that a stamp has.
func metaOf(s index.Stamp) vfs.Meta {
	return vfs.Meta{Mode: s.Mode & 07777, ModTime: s.ModTime, UID: int64(s.UID), GID: int64(s.GID)}
}
