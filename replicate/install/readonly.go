package install

import (
	"errors"
	"maps"
	"slices"

	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// A user who is not root can change nothing in a directory that does not let
// its owner write, nor rename such a directory to another parent: not even
// into its place in the tree. Trees do have them. Such a directory is opened
// for its owner while there is something to do in it, and shut again when all is
// done, as rsync and rm -rf do.
//
// While it is open its record has the stamp that it has, and in its entry the
// mode that it is to have: so being open is no edit. From before it is opened
// until that is written down there is an intent; a crash in between, and Replay
// shuts it.

// ownerAll is what the owner needs to change what is in a directory.
const ownerAll = 0o700

// shuttable reports whether r is a directory that is to be shut when all is done.
func shuttable(r *index.Record) bool {
	return r != nil && r.Ours.LiveKind() == index.Dir && r.Ours.Mode&ownerAll != ownerAll
}

// IsOpen reports whether r is such a directory, and open.
func IsOpen(r *index.Record) bool {
	return shuttable(r) && r.Stamp.Mode&0o777 != r.Ours.Mode&0o777
}

// Open opens the directories in which the jobs have something to do, and returns
// them. An error of the tree is left to the job that needs the directory open;
// one of the index is not.
func Open(st *store.Store, files vfs.Files, jobs []Job) ([]index.Path, error) {
	shut, ids, err := announce(st, jobs)
	if err != nil || len(shut) == 0 {
		return nil, err
	}
	var open []index.Path
	for _, r := range shut {
		now, err := files.SetMeta(r.Path, vfs.Meta{Mode: r.Ours.Mode | ownerAll, UID: -1, GID: -1}, r.Stamp)
		if err == nil {
			r.Stamp = now
			open = append(open, r.Path)
		}
	}
	return open, st.Update(func(tx *store.Tx) error {
		var errs []error
		for i, r := range shut {
			errs = append(errs, tx.Put(r), tx.DropIntent(ids[i]))
		}
		return errors.Join(errs...)
	})
}

// announce finds what Open has to open, parents first, and writes that down.
func announce(st *store.Store, jobs []Job) (shut []*index.Record, ids []uint64, err error) {
	dirs := map[index.Path]bool{}
	for i := range jobs {
		j := &jobs[i]
		dirs[j.Path.Parent()] = true
		if j.From != "" {
			dirs[j.From.Parent()] = true
		}
		if j.Entry.Kind != index.Dir {
			dirs[j.Path] = true // a directory that gives way is itself moved
		}
	}
	find := func(tx *store.Tx) error {
		for _, p := range slices.SortedFunc(maps.Keys(dirs), index.Path.Compare) {
			r, err := tx.Get(p)
			if err != nil {
				return err
			}
			if shuttable(r) && r.Stamp.Mode&ownerAll != ownerAll {
				shut = append(shut, r)
			}
		}
		return nil
	}
	if err = st.View(find); err != nil || len(shut) == 0 {
		return nil, nil, err
	}
	err = st.Update(func(tx *store.Tx) error {
		ids = nil
		for _, r := range shut {
			id, err := tx.AddIntent(index.Intent{Verb: index.SetMeta, Path: r.Path, Expect: r.Stamp, Entry: r.Ours})
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return nil
	})
	return shut, ids, err
}

// Shut shuts those of the paths that are open, deepest first. Where a crash is in
// between, the tree is as its entry says already.
func Shut(st *store.Store, files vfs.Files, paths []index.Path) error {
	slices.SortFunc(paths, index.Path.Compare)
	var open []*index.Record
	err := st.View(func(tx *store.Tx) error {
		for _, p := range slices.Backward(paths) {
			r, err := tx.Get(p)
			if err != nil {
				return err
			}
			if IsOpen(r) {
				open = append(open, r)
			}
		}
		return nil
	})
	if err != nil || len(open) == 0 {
		return err
	}
	for _, r := range open {
		now, err := files.SetMeta(r.Path, vfs.Meta{Mode: r.Ours.Mode, UID: -1, GID: -1}, r.Stamp)
		if err == nil { // else somebody has changed it: the next look says
			r.Stamp = now
		}
	}
	return st.Update(func(tx *store.Tx) error {
		var errs []error
		for _, r := range open {
			errs = append(errs, tx.Put(r))
		}
		return errors.Join(errs...)
	})
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
