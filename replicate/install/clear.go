package install

import (
	"errors"
	"io/fs"
	"slices"

	"duet/recovery/landing"
	"duet/scan/vfs"
	"duet/store/index"
)

// clearing is a directory that is removed with all that is in it. It goes to the stage
// in one instant, and what is in it is brought among the kept from there: nobody sees
// half of it, the watcher has nothing to tell, and a path is found by its directory
// alone. What is not as expected stays in it, and then the directory goes back.
//
// Each path has an intent of its own all the same, and that of the directory says
// what it is called in the stage. Replay puts it back where it was, so that a crash in
// between is settled as if its files had been removed one by one.
//
// RACE: who saves in it in the instant before it goes, or has a file in it open,
// finds it gone until it is back. It was looked at just before; no bytes are lost.
type clearing struct {
	top   *task
	tasks []*task // all that is in it, in the order of removal: top is the last
	tried bool
}

// leastCleared is how many things must be in a directory for it to go as a whole.
const leastCleared = 2

// clearings finds the directories that may go as a whole: nothing but removals is to
// be done in them. Whether something else is in them the look at them tells.
func (b *batch) clearings() {
	if len(b.out) > 0 {
		return // what gives way to a file has an order of its own
	}
	if !slices.ContainsFunc(b.tasks, func(t *task) bool { return t.clearable() && t.rec.Ours.Kind == index.Dir }) {
		return
	}
	var tops []*clearing
	byPath := slices.Clone(b.tasks)
	slices.SortStableFunc(byPath, func(x, y *task) int { return x.path.Compare(y.path) })
	for i := 0; i < len(byPath); i++ {
		c := &clearing{top: byPath[i]}
		if !c.top.clearable() || c.top.rec.Ours.Kind != index.Dir {
			continue
		}
		end := i + 1
		for end < len(byPath) && byPath[end].path.Under(c.top.path) && byPath[end].clearable() {
			end++
		}
		if end-i <= leastCleared || end < len(byPath) && byPath[end].path.Under(c.top.path) {
			continue
		}
		for _, t := range byPath[i:end] {
			t.clear = c
		}
		tops = append(tops, c)
		i = end - 1
	}
	for _, t := range b.tasks {
		if t.clear != nil {
			t.clear.tasks = append(t.clear.tasks, t)
		}
	}
	for _, c := range tops {
		c.tried = c.tasks[len(c.tasks)-1] != c.top // what is in it comes before it
	}
}

// clearable reports whether t does nothing but to take away what is there.
func (t *task) clearable() bool {
	return t.verb == index.Shelve && t.to == nil && !t.job.Own && !t.job.Single && t.rec.Ours.Live() && !t.over()
}

// clear removes a directory with all that is in it. It is false if that has to be
// done one by one.
func (b *batch) clear(c *clearing) bool {
	if c.tried {
		return false
	}
	c.tried = true
	transit := held(c.top.intent.Held)
	if c.top.intent.Held == "" || !b.clearNow(c) {
		return false
	}
	if b.files.Shelve(c.top.path, transit) != nil {
		if _, err := b.files.LstatHeld(transit); errors.Is(err, fs.ErrNotExist) {
			return false
		}
		b.giveBack(c, transit)
		return true
	}
	inside, err := b.files.Inside(transit)
	if err != nil {
		b.giveBack(c, transit)
		return true
	}
	b.empty(c, inside)
	if err := inside.Close(); err != nil {
		c.top.fail("%w", err)
	}
	if !c.top.over() {
		c.top.cleared(b.files.RmdirHeld(transit))
	}
	if !c.top.done {
		b.giveBack(c, transit)
		return true
	}
	if _, err := b.files.Lstat(c.top.path); !errors.Is(err, fs.ErrNotExist) {
		c.top.raced = true // there again
	}
	return true
}

// empty brings out what is in a directory that is in the stage.
func (b *batch) empty(c *clearing, inside vfs.Files) {
	var at *vfs.Near
	for _, t := range c.tasks {
		if err := b.ctx.Err(); err != nil {
			t.fail("%w", err)
		}
		if t == c.top || t.over() {
			continue
		}
		p := t.path[len(c.top.path)+1:]
		if t.rec.Ours.Kind == index.Dir {
			t.cleared(inside.Rmdir(p))
			continue
		}
		var err error
		if at, err = vfs.NearBy(at, inside, p); err != nil {
			t.found(vfs.Info{}, err, t.rec.Stamp)
			continue
		}
		if info, err := at.Lstat(); t.found(info, err, t.rec.Stamp) {
			b.shelve(t, at, inside, p)
		}
	}
	if at != nil {
		at.Close()
	}
}

// clearNow looks whether a directory has just what is to go, as the index says, and
// nobody is writing to any of it.
func (b *batch) clearNow(c *clearing) bool {
	names := map[index.Path]int{}
	for _, t := range c.tasks {
		if t.over() {
			return false
		}
		names[t.path.Parent()]++
	}
	return abreast(len(c.tasks), func(from, end int) error {
		l := looker{files: b.files}
		defer l.close()
		for _, t := range c.tasks[from:end] {
			if err := b.ctx.Err(); err != nil {
				return err
			}
			at, err := l.near(t.path)
			if err != nil {
				return err
			}
			info, err := at.Lstat()
			if err != nil || info.Mount || info.Stamp != t.rec.Stamp {
				return errors.Join(err, errOther)
			}
			if t.rec.Ours.Kind == index.Dir && !b.hasJust(t.path, names[t.path]) || t.rec.Ours.Kind == index.File && b.writing(at) {
				return errOther
			}
		}
		return nil
	}) == nil
}

// hasJust reports whether there are n things in a directory.
func (b *batch) hasJust(dir index.Path, n int) bool {
	d, err := b.files.OpenDir(dir)
	if err != nil {
		return false
	}
	names, err := d.Names()
	return errors.Join(err, d.Close()) == nil && len(names) == n
}

// writing reports whether a process has a file open for writing, or that it cannot be
// opened.
func (b *batch) writing(at *vfs.Near) bool {
	c, _, err := at.Grip()
	if err != nil {
		return !errors.Is(err, fs.ErrPermission)
	}
	g := &guard{c}
	defer g.close()
	return g.written()
}

// cleared notes what became of a directory that was to be removed.
func (t *task) cleared(err error) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		t.done = true
	case errors.Is(err, vfs.ErrChanged):
		t.raced = true
	case errors.Is(err, fs.ErrExist):
		t.fail("%w", ErrLive)
	case err != nil:
		t.fail("%w", err)
	default:
		t.done = true
		t.out = &landing.Displaced{Entry: t.rec.Ours, Reason: t.reason()}
	}
}

// giveBack puts a directory that could not be cleared back where it was. If somebody
// has made another one there, what is left in it goes into that, or is kept.
func (b *batch) giveBack(c *clearing, transit vfs.Held) {
	top := c.top
	back, err := landing.Return(b.files, transit, top.path)
	if err == nil && back {
		for _, t := range c.tasks {
			t.stale = t.stale || !t.over()
		}
		return
	}
	for _, t := range c.tasks {
		t.raced = t.raced || !t.done
	}
	left := true
	if err == nil {
		left, err = landing.ReturnInside(b.files, transit, top.path)
	}
	if err == nil && left {
		var kept vfs.Held
		entry := b.env.KnownAs(b.files, transit)
		kept, err = landing.Keep(b.files, transit, landing.KeptName(b.head, int(top.intent.ID), entry))
		top.out = &landing.Displaced{Held: kept.Name, Entry: entry, Reason: index.Raced}
	}
	if err != nil {
		top.fail("put back what was saved meanwhile: %w", err)
		top.out, top.open = nil, true
	}
}
