package install

import (
	"fmt"
	"slices"

	"duet/scan/vfs"
	"duet/store/index"
)

// A new directory full of small files is staged as it is to be, with the files in
// it, and placed by one call: that is a third of the system calls that a file
// takes otherwise, and who looks sees all of it at once. Each path in it has an
// intent of its own all the same, so that Replay asks for nothing new: what has
// the inode number of an intent at its path was installed.
//
// If the directory cannot be placed, as somebody made one of that name, what is in
// it is placed thing by thing.

// adoptNest takes a directory that was staged with files in it. It returns false
// if it is not what is wanted any more, and one has to be made.
func (b *batch) adoptNest(t *task, m vfs.Meta) (bool, error) {
	info, err := b.files.LstatHeld(t.job.Staged)
	if err != nil {
		return false, err
	}
	if info.Type != vfs.Directory || !dressed(info.Stamp, vfs.Meta{Mode: m.Mode, UID: m.UID, GID: m.GID}) || m.Mode&ownerAll != ownerAll {
		return false, nil
	}
	t.staged, t.stamp = t.job.Staged, info.Stamp
	b.nests[t.staged.Name] = t
	return true, nil
}

// join has t placed with the directory that it is staged in, if that is the one
// that it is to be in, under that name. Directories come first in a batch.
func (b *batch) join(t *task) {
	dir := b.nests[t.staged.In]
	if dir == nil || t.verb != index.Place || dir.path != t.path.Parent() || t.path.Leaf() != t.staged.Name {
		return
	}
	t.nest = dir
	dir.nested = append(dir.nested, t)
}

// settleNests makes sure that what is in those directories is what is to be placed
// with them, and nothing else: of what could not be staged there may be a part.
func (b *batch) settleNests() {
	for _, t := range b.tasks {
		if b.nests[t.staged.Name] != t || t.over() {
			continue
		}
		t.nested = slices.DeleteFunc(t.nested, (*task).over)
		if err := b.settleNest(t); err != nil {
			t.fail("stage: %w", err)
			for _, c := range t.nested {
				c.fail("stage: %w", err)
			}
		}
	}
}

func (b *batch) settleNest(t *task) error {
	names, err := b.inside(t.staged)
	if err != nil {
		return err
	}
	wanted := make(map[string]bool, len(t.nested))
	for _, c := range t.nested {
		wanted[c.staged.Name] = true
	}
	for _, name := range names {
		if wanted[name] {
			delete(wanted, name)
			continue
		}
		if err := b.files.RemoveHeld(vfs.Held{Area: vfs.Stage, In: t.staged.Name, Name: name}); err != nil {
			return err
		}
	}
	if len(wanted) > 0 {
		return fmt.Errorf("%d of the files in %v are not there any more: %w", len(wanted), t.staged, ErrContent)
	}
	return nil
}

// inside lists a staged directory.
func (b *batch) inside(h vfs.Held) ([]string, error) {
	in, err := b.files.Inside(h)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	d, err := in.OpenDir(index.Root)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Names()
}

// arrived notes what was placed with t. Nothing of it has changed in that, not even
// a ctime; whoever was quick to change it since is seen by the next look.
func (t *task) arrived() {
	for _, c := range t.nested {
		c.done, c.now = true, c.stamp
	}
}
