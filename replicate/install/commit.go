package install

import (
	"maps"
	"slices"

	"duet/recovery/landing"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// sync puts all names that the batch made or took away on stable storage, and
// the metadata that it set.
func (b *batch) sync() error {
	touched := make(map[index.Path]bool)
	var dressed []vfs.Seen
	for _, t := range b.tasks {
		if t.done && t.verb == index.SetMeta && t.entry.Kind == index.File {
			dressed = append(dressed, vfs.Seen{Path: t.path, Stamp: t.now})
			continue
		}
		if t.verb == 0 || t.intent.ID == 0 {
			continue
		}
		touched[t.path.Parent()] = true
		if t.verb == index.Move {
			touched[t.from.path.Parent()] = true
		}
		if t.done && t.entry.Kind == index.Dir {
			touched[t.path] = true // its metadata is in itself
		}
	}
	if err := landing.SyncMeta(b.files, dressed); err != nil || len(touched) == 0 {
		return err
	}
	return b.files.SyncDirs(slices.SortedFunc(maps.Keys(touched), index.Path.Compare))
}

// commit writes down what was done.
func (b *batch) commit() error {
	if len(b.tasks) == 0 {
		return nil
	}
	return b.st.Update(func(tx *store.Tx) error {
		for _, t := range b.tasks {
			kept, err := b.env.Commit(tx, b.landing(t))
			if err != nil {
				return err
			}
			t.kept = kept
		}
		return nil
	})
}

func (b *batch) landing(t *task) *landing.Landing {
	l := &landing.Landing{
		Path: t.path, Record: t.rec, What: t.job.What, How: t.how(), By: t.job.By, Rule: t.rule(), Note: t.job.Note, Out: t.out,
	}
	if l.What == 0 {
		l.What = index.Adopted
	}
	if l.By == 0 {
		l.By = t.entry.Origin
	}
	if t.intent.ID != 0 && !t.open && !(t.unfold && t.done) {
		l.Intents = []uint64{t.intent.ID}
	}
	switch {
	case t.done && !t.with && !t.job.Own:
		l.Entry, l.Conflict = t.entry, t.job.Conflict
		if t.entry.Live() {
			l.Stamp = t.now
		}
		if t.verb == index.Move {
			l.From = t.job.From
		}
		if t.to != nil && t.to.done {
			l.To = t.to.path
		}
	case t.done && t.job.Own:
		l.Said = true
	case t.retake != (index.Stamp{}):
		l.Stamp = t.retake
	}
	return l
}
