package install

import (
	"errors"
	"io/fs"
	"maps"
	"slices"

	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// subtree is a directory that was renamed with all that is in it. It is moved by one
// call, if nothing is in it here but what goes along, each thing as the index says
// and as it is to be: looked at just before, and once more afterwards. Otherwise
// its files are moved one by one.
//
// Each path has an intent of its own all the same, so that a crash in between is
// settled as if they had been.
type subtree struct {
	top    *task
	inside map[index.Path]*task // by its path from now on: all that goes along, top too
	apart  bool                 // it could not be moved as a whole
	sorted []*task
}

// ordered is all that goes along, in an order that is the same in every run: what is
// done to the disk, and in which order, must not depend on that of a map. It is to be
// asked for once nothing more comes in.
func (tr *subtree) ordered() []*task {
	if tr.sorted == nil {
		tr.sorted = slices.SortedFunc(maps.Values(tr.inside), func(x, y *task) int { return x.path.Compare(y.path) })
	}
	return tr.sorted
}

// dirs are the directories among ordered.
func (tr *subtree) dirs() []*task {
	return slices.DeleteFunc(slices.Clone(tr.ordered()), func(t *task) bool { return t.entry.Kind != index.Dir })
}

// trees finds the directories that can be moved as a whole, as far as the index
// knows. A job of a directory that names where it was is meant so.
func (b *batch) trees(tx *store.Tx) error {
	byDir := map[index.Path]*subtree{} // of directories that go along
	var all []*subtree
	for _, t := range b.tasks {
		if t.from == nil {
			continue
		}
		if t.entry.Kind == index.Dir && t.verb != index.Place {
			b.part(t)
			continue
		}
		if t.entry.Kind != index.Dir && t.verb != index.Move {
			continue
		}
		tr := byDir[t.path.Parent()]
		if tr != nil {
			if dir := tr.inside[t.path.Parent()]; t.from.path.Parent() != dir.from.path || t.from.path.Leaf() != t.path.Leaf() {
				tr = nil
			}
		}
		if t.entry.Kind == index.Dir {
			if tr == nil {
				tr = &subtree{top: t, inside: map[index.Path]*task{}}
				all = append(all, tr)
			}
			byDir[t.path] = tr
		}
		if tr != nil {
			tr.inside[t.path] = t
		}
	}
	for _, tr := range all {
		whole, err := b.whole(tx, tr)
		if err != nil {
			return err
		}
		if !whole {
			b.scatter(tr)
			continue
		}
		b.moving = append(b.moving, tr)
	}
	return nil
}

// whole reports whether all that the index knows in a tree goes along, and needs
// nothing but to be moved.
func (b *batch) whole(tx *store.Tx, tr *subtree) (bool, error) {
	from := tr.top.from.path
	if from.Under(tr.top.path) || tr.top.path.Under(from) {
		return false, nil
	}
	n := 1
	for live, err := range tx.LiveUnder(from) {
		if err != nil {
			return false, err
		}
		t := tr.inside[tr.top.path+live.Path[len(from):]]
		if t == nil || t.from.path != live.Path {
			return false, nil
		}
		n++
	}
	for _, t := range tr.inside {
		src := t.from.rec
		ready := index.Same(src.Ours, t.entry)
		if t.entry.Kind == index.Dir {
			ready = dressed(src.Stamp, b.env.Meta(t.entry, t.rec)) && src.Stamp.Mode&ownerAll == ownerAll
		}
		if !ready || t.from.verb != index.Shelve {
			return false, nil
		}
	}
	return n == len(tr.inside), nil
}

// scatter has the things in a tree moved one by one: its directories are made anew,
// and the old ones are left to be removed when they are empty.
func (b *batch) scatter(tr *subtree) {
	for _, t := range tr.inside {
		if t.entry.Kind == index.Dir {
			b.part(t)
		}
	}
}

// part has a directory made, whatever becomes of the one that it was to be.
func (b *batch) part(t *task) {
	src := t.from
	src.to, t.from = nil, nil
	if src.job.Path != src.path { // nobody has asked for its removal
		b.tasks = slices.DeleteFunc(b.tasks, func(x *task) bool { return x == src })
		b.all = slices.DeleteFunc(b.all, func(x *task) bool { return x == src })
	}
}

// lookedAtTwice is how much may be in a tree for all of it to be looked at once more
// before anything is written down. Of a larger one only the directories are: whatever
// somebody saves in it, the look before the move finds, and then another batch takes
// the tree apart.
const lookedAtTwice = 3 * abreastPart

// settleTrees looks whether the trees are what the index says.
func (b *batch) settleTrees() {
	for _, tr := range slices.Clone(b.moving) {
		these := tr.ordered()
		if len(these) > lookedAtTwice {
			these = tr.dirs()
		}
		if err := b.intact(tr, these, func(t *task) index.Path { return t.from.path }); err != nil {
			b.scatter(tr)
			b.moving = slices.DeleteFunc(b.moving, func(x *subtree) bool { return x == tr })
			continue
		}
		for _, t := range tr.ordered() {
			t.tree = tr
			if t.entry.Kind == index.Dir {
				t.verb = index.Move
			}
		}
	}
}

// errOther means that a tree is not what the index says.
var errOther = errors.New("is not what the index says")

// intact returns an error unless just what goes along is in a tree, and each of these
// things has the stamp on record. at says where it is.
func (b *batch) intact(tr *subtree, these []*task, at func(*task) index.Path) error {
	holds := map[index.Path]int{} // so many things each directory
	for _, t := range tr.inside {
		holds[at(t).Parent()]++
	}
	return abreast(len(these), func(from, end int) error {
		l := looker{files: b.files}
		defer l.close()
		for _, t := range these[from:end] {
			if err := b.ctx.Err(); err != nil {
				return err
			}
			near, err := l.near(at(t))
			if err != nil {
				return err
			}
			info, err := near.Lstat()
			if err != nil || info.Mount || info.Stamp != t.from.rec.Stamp {
				return errors.Join(err, errOther)
			}
			if t.entry.Kind == index.Dir && !b.hasJust(at(t), holds[at(t)]) {
				return errOther
			}
		}
		return nil
	})
}

// moveTree moves a directory with all that is in it.
//
// RACE: what somebody makes or saves in it between the look before and the rename
// goes along. The look afterwards finds it. If that was before the rename, all goes
// back, and stays under its old name for now; what was done after it, under the
// new name, stays there, and the next look finds the edit. Who writes into a file
// itself goes on writing to it wherever it is, and bytes do not tell by which name
// they came. Where times tell nothing, within a tick of the kernel's clock, and if
// both has happened, all stays. No bytes leave the tree.
func (b *batch) moveTree(tr *subtree) {
	top := tr.top
	if b.intact(tr, tr.ordered(), func(t *task) index.Path { return t.from.path }) != nil {
		b.notYet(tr)
		return
	}
	err := b.files.Move(top.from.path, top.path)
	if errors.Is(err, fs.ErrExist) {
		top.raced = b.free(top) || top.raced
	}
	if err != nil {
		b.notYet(tr)
		return
	}
	if b.intact(tr, tr.ordered(), func(t *task) index.Path { return t.path }) == nil {
		for _, t := range tr.ordered() {
			t.done, t.from.done, t.now = true, true, t.from.rec.Stamp
		}
		return
	}
	if b.savedBefore(tr) && b.files.Move(top.path, top.from.path) == nil {
		b.notYet(tr)
		return
	}
	for _, t := range tr.ordered() {
		t.stamp = t.from.rec.Stamp
		b.landed(t)
		t.from.done = true
	}
}

// savedBefore reports whether something has come into a tree before that was moved
// to where it is now, and nothing since then.
func (b *batch) savedBefore(tr *subtree) bool {
	moved, err := b.changed(tr.top.path)
	if err != nil {
		return false
	}
	before, after := false, false
	for _, t := range tr.ordered() {
		if t.entry.Kind != index.Dir {
			continue
		}
		came, err := b.cameInto(tr, t.path)
		if err != nil {
			return false
		}
		for _, at := range came {
			before, after = before || at < moved, after || at >= moved
		}
	}
	return before && !after
}

// cameInto says when each thing in a directory of a tree got its name that is not
// what went along.
func (b *batch) cameInto(tr *subtree, dir index.Path) (came []int64, err error) {
	d, err := b.files.OpenDir(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	names, err := d.Names()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		p, err := dir.Join(name)
		if err != nil {
			return nil, err
		}
		info, err := d.Lstat(name)
		if err != nil {
			return nil, err
		}
		if t := tr.inside[p]; t != nil && t.from.rec.Stamp.Ino == info.Stamp.Ino {
			continue
		}
		at := info.Stamp.Ctime
		if info.Type == vfs.Directory {
			if at, err = b.changed(p); err != nil {
				return nil, err
			}
		}
		came = append(came, at)
	}
	return came, nil
}

// changed is when a directory was renamed, or something in it got or lost a name.
func (b *batch) changed(dir index.Path) (int64, error) {
	d, err := b.files.OpenDir(dir)
	if err != nil {
		return 0, err
	}
	at, err := d.Changed()
	return at, errors.Join(err, d.Close())
}

// notYet leaves a tree as it is, and what was to be put in it: another batch
// takes it apart. What somebody has changed in it is to be looked at.
func (b *batch) notYet(tr *subtree) {
	tr.apart = true
	for _, t := range b.tasks {
		switch {
		case t.over():
		case tr.inside[t.path] == t:
			info, err := b.files.Lstat(t.from.path)
			t.raced = err != nil || info.Stamp != t.from.rec.Stamp
			t.stale = !t.raced
		case t.path.Under(tr.top.path):
			t.stale = true
		}
	}
}
