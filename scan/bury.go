package scan

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"golang.org/x/sys/unix"

	"duet/scan/vfs"
	"duet/store/index"
)

// Bounds of what a walk remembers as missing; a deleted directory is one path.
const (
	maxGraves     = 8192
	maxGraveBytes = 1 << 20
)

// graves are the places where something in the index was missing on disk.
type graves struct {
	spans []span
	bytes int
	full  index.Path // the walk whose last span goes to its end
	isSet bool
}

// span is the records from one path on, as long as they are at or below bound.
type span struct {
	from, bound index.Path
	leaf        bool // the record was no directory's when it was missed: nothing is below it
}

// add remembers p, found missing by a walk of under, in walk order, and whether
// its record was no directory's: that is asked now, because what has taken a
// directory's place may be in the index before what was in it is looked for.
// Beyond the bounds it remembers only where in the walk it was: the second pass
// then looks every record up from there on.
func (g *graves) add(p, under index.Path, leaf bool) {
	if n := len(g.spans); n > 0 && p.Under(g.spans[n-1].from) && g.spans[n-1].bound == g.spans[n-1].from {
		last := &g.spans[n-1]
		last.leaf = last.leaf && leaf && p == last.from
		return
	}
	if g.isSet && g.full == under {
		return
	}
	if len(g.spans) < maxGraves && g.bytes < maxGraveBytes {
		g.spans = append(g.spans, span{p, p, leaf})
		g.bytes += len(p)
		return
	}
	g.spans = append(g.spans, span{p, under, false})
	g.full, g.isSet = under, true
}

// bury emits the tombstones. Each path is looked up once more, after its
// record was read, unless a directory above it is known to be missing.
func (c *crew) bury(g *graves) error {
	if len(g.spans) == 0 {
		return nil
	}
	now, err := c.o.Files.Identity()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRootChanged, err)
	}
	if !now.Same(c.o.Files.Opened()) {
		return ErrRootChanged
	}
	slices.SortFunc(g.spans, func(a, b span) int { return a.from.Compare(b.from) })
	var last index.Path // up to here is done: spans may overlap
	for rest := g.spans; len(rest) > 0; {
		n := beside(rest)
		if err := c.buryBeside(rest[:n], &last); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// maxBeside is how many files of a directory are looked for together.
const maxBeside = 512

// beside returns how many spans at the front are of single paths in one directory.
func beside(spans []span) int {
	n := 1
	for n < len(spans) && n < maxBeside && spans[n-1].from == spans[n-1].bound &&
		spans[n].from.Parent() == spans[0].from.Parent() {
		n++
	}
	return n
}

// buryBeside buries what is in one directory. Files are looked for together, once all
// of their records are read: if their directory is missing, so are they.
func (c *crew) buryBeside(spans []span, last *index.Path) error {
	var files []*index.Record
	for _, s := range spans {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		r, err := c.o.Get(s.from)
		if err != nil {
			return err
		}
		if !s.leaf || r == nil || !r.Ours.Live() || r.Ours.Kind == index.Dir {
			if err := c.burySpan(s, last); err != nil {
				return err
			}
			continue
		}
		if *last != index.Root && r.Path.Compare(*last) <= 0 {
			continue
		}
		*last = r.Path
		if !c.o.Facts.Rules.Ignored(r.Path, false) {
			files = append(files, r)
		}
	}
	if len(files) > 0 {
		c.buryFiles(files)
	}
	return nil
}

// buryFiles emits the tombstones of those files of one directory that are missing.
func (c *crew) buryFiles(files []*index.Record) {
	dir, whole := files[0].Path.Parent(), false
	if dir != index.Root {
		missing, err := c.missing(dir)
		whole = missing && err == nil
	}
	var gone []*index.Record
	for _, r := range files {
		if whole {
			gone = append(gone, r)
			continue
		}
		_, err := c.o.Files.Lstat(r.Path)
		switch {
		case notThere(err):
			gone = append(gone, r)
		case err != nil:
			c.problem(Problem{Path: r.Path, Err: err, Subtree: true})
		}
	}
	if len(gone) == 0 {
		return
	}
	if err := c.above(gone[0].Path); err != nil {
		for _, r := range gone {
			c.problem(Problem{Path: r.Path, Err: err, Subtree: true})
		}
		return
	}
	for _, r := range gone {
		c.buried(r)
	}
}

// buried emits a tombstone.
func (c *crew) buried(r *index.Record) {
	c.found(Finding{Path: r.Path, Was: r.Stamp, What: index.Deleted,
		Entry: &index.Entry{Kind: index.Gone, Origin: c.o.Facts.Node}})
}

func (c *crew) burySpan(s span, last *index.Path) error {
	cur, err := newCursor(c.o, s.from, s.bound)
	if err != nil {
		return err
	}
	var gone, quiet index.Path // last found missing, last not to be known; Root: none
	for {
		r, err := cur.next()
		if err != nil || r == nil {
			return err
		}
		if err := c.ctx.Err(); err != nil {
			return err
		}
		if *last != index.Root && r.Path.Compare(*last) <= 0 {
			continue
		}
		*last = r.Path
		if !r.Ours.Live() || quiet != index.Root && r.Path.Under(quiet) ||
			c.o.Facts.Rules.Ignored(r.Path, r.Ours.Kind == index.Dir) {
			continue
		}
		if gone == index.Root || !r.Path.Under(gone) {
			missing, err := c.missing(r.Path)
			if err != nil {
				c.problem(Problem{Path: r.Path, Err: err, Subtree: true})
				quiet = r.Path
			}
			if err != nil || !missing {
				continue
			}
			gone = r.Path
		}
		c.buried(r)
	}
}

// missing reports whether nothing is at p, also because a directory above it
// is something else now. An error means that nobody can tell.
func (c *crew) missing(p index.Path) (bool, error) {
	_, err := c.o.Files.Lstat(p)
	if notThere(err) {
		return true, c.above(p)
	}
	return false, err
}

// notThere reports whether err means that nothing is at a path, also because
// something above it is not a directory.
func notThere(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP)
}

// above returns an error if what is now in the place of a directory above p
// keeps silent about everything below it: a mount point, a FIFO.
func (c *crew) above(p index.Path) error {
	for dir := p.Parent(); dir != index.Root; dir = dir.Parent() {
		info, err := c.o.Files.Lstat(dir)
		switch {
		case notThere(err):
			continue // missing as well, or below what is
		case err != nil:
			return err
		case info.Mount:
			return fmt.Errorf("%v: %w", dir, vfs.ErrMount)
		case info.Type == vfs.Special:
			return fmt.Errorf("%v: %w", dir, vfs.ErrSpecial)
		}
		return nil
	}
	return nil
}
