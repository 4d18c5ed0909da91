package install

import (
	"errors"
	"io/fs"

	"duet/recovery/landing"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// stage makes ready what is to be placed or swapped in, and finds free names
// for what is to be kept.
func (b *batch) stage() {
	b.settleTrees()
	var kept []int // in tasks
	for n, t := range b.tasks {
		if t.over() {
			continue
		}
		var err error
		switch {
		case t.verb == index.Place || t.verb == index.Swap:
			err = b.stageOne(t, n)
		case t.verb == index.Shelve && t.rec.Ours.Kind != index.Dir && !t.taken():
			kept = append(kept, n)
		case t.clear != nil && t.clear.top == t:
			var transit vfs.Held
			transit, err = landing.Free(b.files, held(landing.OutName(b.head, n)))
			t.intent.Held = transit.Name
		}
		if err != nil {
			t.fail("stage: %w", err)
		}
	}
	_ = abreast(len(kept), func(from, end int) error { // each has its own error
		for _, n := range kept[from:end] {
			t := b.tasks[n]
			h, err := landing.Free(b.files, vfs.Held{Area: vfs.Kept, Name: landing.KeptName(b.head, n, t.rec.Ours)})
			if t.intent.Held = h.Name; err != nil {
				t.fail("stage: %w", err)
			}
		}
		return nil
	})
	b.settleNests()
}

// taken reports whether t is the source of a move, which leaves nothing to keep.
func (t *task) taken() bool { return t.to != nil && t.to.verb == index.Move }

func (b *batch) stageOne(t *task, n int) error {
	if t.verb == index.Swap {
		out, err := landing.Free(b.files, held(landing.OutName(b.head, n)))
		if err != nil {
			return err
		}
		t.swapName = out.Name
	}
	if t.job.Staged.Name != "" && t.entry.Kind == index.File {
		return b.adopt(t)
	}
	m := b.env.Meta(t.entry, t.rec)
	if t.job.Staged.Name != "" && t.entry.Kind == index.Dir && t.verb == index.Place {
		if ok, err := b.adoptNest(t, m); ok || err != nil {
			return err
		}
	}
	h, err := landing.Free(b.files, held(landing.NewName(b.head, n)))
	if err != nil {
		return err
	}
	switch t.entry.Kind {
	case index.Dir:
		err = b.stageDir(t, h, m)
	case index.Symlink:
		t.stamp, err = b.files.StageLink(h, t.entry.Target, m)
	default:
		from := t.job.Local
		if from.IsZero() {
			from.Path = t.job.From
		}
		if from.IsZero() {
			return ErrContent
		}
		t.stamp, err = Copy(b.files, from, t.entry, m, h)
	}
	if err != nil {
		return err
	}
	t.staged, t.fresh = h, true
	return nil
}

// adopt takes a file that was staged before, and gives it the metadata that its
// entry has by now.
func (b *batch) adopt(t *task) error {
	if t.job.Staged.Area != vfs.Stage {
		return errors.New("is not in the stage")
	}
	t.staged, t.stamp = t.job.Staged, t.job.Stamp
	if t.stamp == (index.Stamp{}) {
		info, err := b.files.LstatHeld(t.job.Staged)
		if err != nil {
			return err
		}
		if info.Type != vfs.Regular {
			return ErrContent
		}
		t.stamp = info.Stamp
	}
	if t.stamp.Size != t.entry.Size {
		return ErrContent
	}
	b.join(t)
	m := b.env.Meta(t.entry, t.rec)
	if dressed(t.stamp, m) {
		return nil
	}
	d, err := b.files.Append(t.staged)
	if err != nil {
		return err
	}
	t.stamp, err = d.Finish(m)
	return errors.Join(err, d.Close())
}

// dressed reports whether a stamp is of something that has this metadata.
func dressed(s index.Stamp, m vfs.Meta) bool {
	return s.Mode&07777 == m.Mode&07777 && (m.ModTime == 0 || s.ModTime == m.ModTime) &&
		(m.UID < 0 || int64(s.UID) == m.UID) && (m.GID < 0 || int64(s.GID) == m.GID)
}

// unname gives what was to be swapped in and was not its first name back: see
// package landing for what the names mean.
func (b *batch) unname() {
	for _, t := range b.tasks {
		if t.done || t.open || t.swapName == "" || t.staged.Name != t.swapName {
			continue
		}
		info, err := b.files.LstatHeld(t.staged)
		if err == nil && (!landing.Unchanged(info.Stamp, t.stamp) || t.swapped && t.entry.Kind == index.Dir) {
			// Somebody wrote to it, or may have, while it was in the tree: it
			// keeps its name, and Replay makes it a kept version.
			t.staged = vfs.Held{}
			continue
		}
		if err == nil {
			err = b.files.RenameHeld(t.staged, t.first)
			t.staged = t.first
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.fail("tidy the stage: %w", err)
		}
	}
}

// tidy removes what was staged here and not used. That waits for the commit:
// until then it is evidence for Replay that it was not installed.
func (b *batch) tidy() {
	for _, t := range b.tasks {
		if !t.fresh || t.done || t.open || landing.MayBeOriginal(t.staged.Name) || t.staged.Name == "" {
			continue
		}
		if err := b.files.RemoveHeld(t.staged); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.fail("tidy the stage: %w", err)
		}
	}
}

// promise writes the intents.
func (b *batch) promise() error {
	any := false
	for _, t := range b.tasks {
		any = any || t.verb != 0 && !t.over()
	}
	if !any {
		return nil
	}
	return b.st.Update(func(tx *store.Tx) error {
		for _, t := range b.tasks {
			if t.verb == 0 || t.over() {
				continue
			}
			t.promise()
			id, err := tx.AddIntent(t.intent)
			if err != nil {
				return err
			}
			t.intent.ID = id
		}
		return nil
	})
}

// promise fills in the intent. That of a move's source is a Shelve without a
// name for what is kept: Replay takes the two together.
func (t *task) promise() {
	in := &t.intent
	in.Verb, in.Path, in.Entry, in.Reason, in.Rule = t.verb, t.path, t.entry, t.reason(), t.rule()
	in.Expect = t.rec.Stamp
	switch t.verb {
	case index.Place:
		in.Held, in.Ino = t.staged.Name, t.stamp.Ino
		if t.staged.In != "" {
			in.Held = t.staged.In // what is in the stage goes by that name
		}
	case index.Swap:
		in.Held, in.Ino = t.swapName, t.stamp.Ino
	case index.Move:
		in.From, in.Expect = t.from.path, t.from.rec.Stamp
		in.Ino = in.Expect.Ino
	}
	if t.job.Own {
		in.Entry = t.entry.Bare()
	}
}

func (t *task) reason() index.Reason {
	switch {
	case t.verb != index.Swap && t.verb != index.Shelve:
		return 0
	case t.job.Reason != 0:
		return t.job.Reason
	case t.verb == index.Swap:
		return index.Overwritten
	}
	return index.Removed
}
