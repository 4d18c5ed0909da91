package install

import (
	"errors"
	"io/fs"

	"duet/scan/vfs"
	"duet/store/index"
)

// A user who is not root can change nothing in a directory that does not let
// its owner write, nor rename such a directory to another parent: not even
// into its place in the tree. Trees do have them, and so they are opened for a
// moment, as rsync and rm -rf do.

// ownerAll is what the owner needs to change what is in a directory.
const ownerAll = 0o700

// within runs op, which needs to change what is in dirs. If it may not, the
// directories that shut their owner out are opened for it.
//
// RACE: a crash before they are closed again leaves them open, and the scan
// takes that for an edit of their modes. No bytes depend on it.
func (b *batch) within(op func() error, dirs ...index.Path) error {
	err := op()
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	opened := false
	for _, dir := range dirs {
		info, e := b.files.Lstat(dir)
		if e != nil || dir == index.Root || info.Type != vfs.Directory || info.Stamp.Mode&ownerAll == ownerAll {
			continue
		}
		m := vfs.Meta{Mode: info.Stamp.Mode&07777 | ownerAll, UID: -1, GID: -1}
		now, e := b.files.SetMeta(dir, m, info.Stamp)
		if e != nil {
			continue
		}
		opened = true
		defer func() {
			m.Mode = info.Stamp.Mode & 07777
			_, _ = b.files.SetMeta(dir, m, now) // else the scan finds it open
		}()
	}
	if opened {
		return op()
	}
	return err
}

// stageDir makes a directory that can be put into its place, and have things
// put in it, whatever its mode is to be.
func (b *batch) stageDir(t *task, h vfs.Held, m vfs.Meta) (err error) {
	t.shut = m.Mode&ownerAll != ownerAll
	m.Mode |= ownerAll
	t.stamp, err = b.files.StageDir(h, m)
	return err
}

// shut gives the new directories that do not let their owner write their
// modes, when all else is done, those below first.
func (b *batch) shut() {
	for i := len(b.tasks) - 1; i >= 0; i-- {
		t := b.tasks[i]
		if !t.shut || !t.done {
			continue
		}
		m := b.env.Meta(t.entry, t.rec)
		stamp, err := b.files.SetMeta(t.path, m, t.now)
		if err != nil {
			// The next look finds that it stayed open, and both sides have it so.
			stamp, t.raced = t.now, true
			stamp.Mode = stamp.Mode&^07777 | m.Mode
		}
		t.now = stamp
	}
}

// openUp makes a directory that is to go out whole one that can be renamed.
func (b *batch) openUp(t *task) error {
	t.expect = t.rec.Stamp
	if !t.unfold || t.expect.Mode&ownerAll == ownerAll {
		return nil
	}
	m := vfs.Meta{Mode: t.expect.Mode&07777 | ownerAll, UID: -1, GID: -1}
	stamp, err := b.files.SetMeta(t.path, m, t.expect)
	if err == nil {
		t.expect = stamp
	}
	return err
}

// closeUp undoes openUp if the directory stayed.
func (b *batch) closeUp(t *task) {
	if t.unfold && !t.done && t.expect != t.rec.Stamp {
		m := vfs.Meta{Mode: t.rec.Stamp.Mode & 07777, UID: -1, GID: -1}
		_, _ = b.files.SetMeta(t.path, m, t.expect) // else the scan finds it open
	}
}
