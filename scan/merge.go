package scan

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"duet/scan/vfs"
	"duet/store/index"
)

// maxOpen is how many levels of directories a walk keeps open.
const maxOpen = 64

// walker is the merge of one subtree on disk with its records. It does not read
// ahead on disk: a path's record must be read before the path is looked at, so
// that an observation is never older than the record that it is held against.
type walker struct {
	*crew
	cur     *cursor
	missing *graves
	under   index.Path
	quiet   index.Path // nothing can be said of what is below; Root: of none
	depth   int
}

// walk compares under and everything below it.
func (c *crew) walk(under index.Path, missing *graves) error {
	cur, err := newCursor(c.o, under, under)
	if err != nil {
		return err
	}
	w := &walker{crew: c, cur: cur, missing: missing, under: under}
	if under == index.Root {
		names, dir, err := w.list(under)
		if err != nil {
			return fmt.Errorf("read the root directory: %w", err)
		}
		err = w.below(under, dir, names)
		if err == nil {
			err = w.rest()
		}
		return err
	}
	if c.o.Facts.Rules.Ignored(under.Parent(), true) {
		return nil
	}
	at := place{under, strings.Split(string(under), "/"), func(string) (vfs.Info, error) { return c.o.Files.Lstat(under) }}
	if err := w.visit(at); err != nil {
		return err
	}
	return w.rest()
}

// rest goes through the records after the last path on disk.
func (w *walker) rest() error { return w.advance("") }

// advance goes through the records before p, which are not on disk. An empty p
// is after everything.
func (w *walker) advance(p index.Path) error {
	for {
		sealed, err := w.cur.peek()
		if err != nil || sealed == nil || p != "" && sealed.Path.Compare(p) >= 0 {
			return err
		}
		r, err := w.cur.next()
		if err != nil {
			return err
		}
		if !r.Ours.Live() || w.quiet != index.Root && (r.Path == w.quiet || r.Path.Under(w.quiet)) ||
			w.o.Facts.Rules.Ignored(r.Path, r.Ours.Kind == index.Dir) {
			continue
		}
		w.missing.add(r.Path, w.under, r.Ours.Kind != index.Dir)
	}
}

// below visits what is in a directory, and closes it.
func (w *walker) below(p index.Path, dir vfs.Dir, names []string) (err error) {
	w.depth++
	defer func() { w.depth-- }()
	lstat := dir.Lstat
	if w.depth > maxOpen {
		// A descriptor for each of two thousand levels would be too many.
		if err := dir.Close(); err != nil {
			return err
		}
		lstat = func(name string) (vfs.Info, error) {
			child, err := p.Join(name)
			if err != nil {
				return vfs.Info{}, err
			}
			return w.o.Files.Lstat(child)
		}
	} else {
		defer func() { err = errors.Join(err, dir.Close()) }()
	}
	at := place{names: []string{""}, lstat: lstat}
	if p != index.Root {
		at.names = append(strings.Split(string(p), "/"), "")
	}
	for _, name := range names {
		if w.ctx.Err() != nil {
			return context.Cause(w.ctx)
		}
		if at.path, err = w.child(p, name); err != nil {
			w.problem(Problem{Path: p, Err: fmt.Errorf("%s: %w", index.Quote(name), err)})
			continue
		}
		at.names[len(at.names)-1] = name
		if err := w.visit(at); err != nil {
			return err
		}
	}
	return nil
}

// place is a path that was listed.
type place struct {
	path  index.Path
	names []string                       // its components
	lstat func(string) (vfs.Info, error) // by the last of them
}

// child is p.Join, and nearly always the path that the next record has, for
// which no room is needed.
func (w *walker) child(p index.Path, name string) (index.Path, error) {
	next, err := w.cur.peek()
	if err == nil && next != nil {
		if q := string(next.Path); p == index.Root && q == name ||
			len(q) == len(p)+1+len(name) && q[len(p)] == '/' && q[:len(p)] == string(p) && q[len(p)+1:] == name {
			return next.Path, nil // a name that was listed is one
		}
	}
	return p.Join(name)
}

// visit compares one path that was listed, and everything below it.
func (w *walker) visit(at place) error {
	p, names := at.path, at.names
	if err := w.advance(p); err != nil {
		return err
	}
	rules := w.o.Facts.Rules
	info, err := at.lstat(names[len(names)-1])
	if notThere(err) {
		return nil // its record, if any, is the next one to be missing
	}
	if err != nil {
		_, asFile := rules.own(p, names, false)
		_, asDir := rules.own(p, names, true)
		if !asFile && !asDir {
			w.problem(Problem{Path: p, Err: err, Subtree: true})
		}
		w.quiet = p
		return nil
	}
	if _, ignored := rules.own(p, names, info.Type == vfs.Directory); ignored {
		w.quiet = p
		return nil
	}
	w.paths.Add(1)
	sealed, err := w.cur.peek()
	if err != nil {
		return err
	}
	var r *index.Record
	if sealed != nil && sealed.Path == p {
		if w.asKnown(sealed, info) {
			w.cur.drop()
			return nil
		}
		if r, err = sealed.Open(); err != nil {
			return err
		}
		p = r.Path
	}
	if skip := skipped(p, r, info); skip != nil {
		w.problem(*skip)
		w.quiet = p
		return nil
	}
	return w.enter(p, r, info)
}

// asKnown reports whether a file or link is what its record says, so that there
// is nothing to note of it; and counts it, if so.
func (w *walker) asKnown(r *index.Sealed, info vfs.Info) bool {
	kind := kindOf(info.Type)
	if info.Mount || kind != index.File && (kind != index.Symlink || w.wait.closely) || !r.Has(kind, info.Stamp) {
		return false
	}
	if kind == index.File {
		w.sum.Files++
	} else {
		w.sum.Links++
	}
	return true
}

// enter compares one path that is synced, and everything below it.
func (w *walker) enter(p index.Path, r *index.Record, info vfs.Info) error {
	take := func() {
		if r != nil {
			w.cur.drop()
		}
	}
	if ours, _ := oursOf(r); ours.Live() && ours.Kind == index.Dir && info.Type != vfs.Directory {
		w.missing.add(p, w.under, false) // what was in it
	}
	switch info.Type {
	case vfs.Regular:
		w.sum.Files++
	case vfs.Link:
		w.sum.Links++
	case vfs.Directory:
		names, dir, err := w.list(p)
		if notThere(err) {
			return nil
		}
		if err != nil {
			w.problem(Problem{Path: p, Err: err, Subtree: true})
			w.quiet = p
			return nil
		}
		w.sum.Dirs++
		take()
		if err := w.present(p, r, info); err != nil {
			return errors.Join(err, dir.Close())
		}
		return w.below(p, dir, names)
	}
	take()
	return w.present(p, r, info)
}

// list arms a directory, and then opens it and reads its names.
func (w *walker) list(p index.Path) ([]string, vfs.Dir, error) {
	if w.o.Arm != nil {
		if err := w.o.Arm(p); err != nil && !notThere(err) {
			w.problem(Problem{Path: p, Err: fmt.Errorf("watch: %w", err)})
		}
	}
	dir, err := w.o.Files.OpenDir(p)
	if err != nil {
		return nil, nil, err
	}
	names, err := dir.Names()
	if err != nil {
		return nil, nil, errors.Join(err, dir.Close())
	}
	return names, dir, nil
}

// skipped returns the problem of a path that is not synced, nil if it is.
func skipped(p index.Path, r *index.Record, info vfs.Info) *Problem {
	var err error
	switch {
	case info.Mount:
		err = vfs.ErrMount
	case kindOf(info.Type) == 0:
		err = vfs.ErrSpecial
	default:
		return nil
	}
	out := &Problem{Path: p, Err: err, Subtree: true, Skipped: true}
	if ours, _ := oursOf(r); ours.Live() {
		out.Skipped = false
		out.Err = fmt.Errorf("was a %v, and now %w", ours.Kind, err)
	}
	return out
}
