package vfs

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"duet/store/index"
)

// Seen is what a look found at a path.
type Seen struct {
	Path  index.Path
	Stamp index.Stamp // zero: nothing is there
}

// nothing reports whether nothing was seen.
func (x Seen) nothing() bool { return x.Stamp == index.Stamp{} }

// SyncSeen puts what was seen on stable storage. Many things at once are
// synced with their whole filesystem.
//
// RACE: between the look and the sync anybody may write to a file. What is on
// stable storage then is no older than what was seen, and the next look finds
// the rest.
func (t *Tree) SyncSeen(seen []Seen) []error {
	errs := make([]error, len(seen))
	if err := t.enter(); err != nil {
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	defer t.leave()
	if len(seen) < many || !t.syncTogether(seen, errs) {
		t.syncApart(seen, errs)
	}
	return errs
}

// syncTogether returns false if the filesystem could not be synced: whose fault
// that was the kernel does not say.
func (t *Tree) syncTogether(seen []Seen, errs []error) bool {
	var at spot
	was := index.Root // no path of the tree
	for i, x := range seen {
		if x.nothing() {
			continue
		}
		s, err := t.neighbour(at, was, x.Path)
		at, was = s, x.Path
		if err != nil {
			was = index.Root
		} else {
			_, err = t.still(s.dir, s.leaf, x.Stamp)
			err = t.cause(s, err)
		}
		if err != nil {
			errs[i] = fmt.Errorf("sync %v: %w", x.Path, err)
		}
	}
	at.close()
	return t.syncAll() == nil
}

// syncApart syncs each thing, and each directory that has the name of one or
// had it, all in one round.
func (t *Tree) syncApart(seen []Seen, errs []error) {
	gone := make(map[index.Path]bool)
	for _, x := range seen {
		gone[x.Path] = x.nothing()
	}
	folder := func(p index.Path) index.Path {
		for p = p.Parent(); gone[p]; {
			p = p.Parent()
		}
		return p
	}
	folders := make(map[index.Path]error)
	for _, x := range seen {
		folders[folder(x.Path)] = nil
	}
	dirs := slices.Sorted(maps.Keys(folders))
	results := make([]error, len(dirs))
	var g errgroup.Group
	g.SetLimit(syncs)
	for i, x := range seen {
		errs[i] = nil
		if !x.nothing() {
			g.Go(func() error { errs[i] = t.syncThing(x); return nil })
		}
	}
	for i, dir := range dirs {
		g.Go(func() error { results[i] = t.syncNearest(dir); return nil })
	}
	_ = g.Wait() // the errors are where they belong
	for i, dir := range dirs {
		folders[dir] = results[i]
	}
	for i, x := range seen {
		if errs[i] == nil {
			errs[i] = folders[folder(x.Path)]
		}
	}
}

// syncThing syncs what was seen at a path, if it is still there. Nothing can be
// asked of a symlink: it is in its directory's keeping.
func (t *Tree) syncThing(x Seen) error {
	return t.at("sync", x.Path, func(s spot) error {
		info, err := t.still(s.dir, s.leaf, x.Stamp)
		if err != nil || info.Type == Link {
			return err
		}
		fd, err := t.openLeaf(s, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY) // no FIFO may hold us up
		switch err {
		case nil:
		case unix.ELOOP:
			return unlike(Link)
		case unix.EACCES:
			return t.syncAll() // its owner may change it, and nobody may read it
		default:
			return err
		}
		if _, err = t.still(fd, "", x.Stamp); err == nil {
			err = t.flush(fd)
		}
		return errors.Join(err, unix.Close(fd))
	})
}

// still looks at a name, or at an open thing, and makes sure that it is the
// thing that has this stamp, whatever has become of its content and metadata.
func (t *Tree) still(dir int, name string, was index.Stamp) (Info, error) {
	info, err := t.look(dir, name)
	switch {
	case err != nil:
		return Info{}, err
	case info.Mount:
		return Info{}, ErrMount
	case info.Stamp.Ino != was.Ino || typeOf(info.Stamp.Mode) != typeOf(was.Mode):
		return Info{}, ErrChanged
	}
	return info, nil
}

// syncNearest syncs a directory, or the nearest one above it that is there: if
// it went away, that is what says so.
func (t *Tree) syncNearest(dir index.Path) error {
	for {
		err := t.syncDir(dir)
		if dir == index.Root || !absent(err) {
			return err
		}
		dir = dir.Parent()
	}
}
