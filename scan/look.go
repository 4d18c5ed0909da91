package scan

import (
	"context"
	"errors"
	"fmt"

	"duet/scan/vfs"
	"duet/store/index"
)

// trustMoved is the size from which a file that was renamed by itself, which is
// a new ctime, is not read again.
// Below it reading costs less than the doubt: inode numbers are used again at
// once, and unpacked archives may give every file the same mtime.
const trustMoved = 64 << 10

// errMoving is the reason for looking again later; it never leaves this file.
var errMoving = errors.New("changes while it is read")

// readFile reads one regular file and notes what there is to note.
func (c *crew) readFile(j job) {
	f, changed, err := c.fileFinding(j)
	var copied bool
	if errors.Is(err, errMoving) && c.wait.overdue(j.path) {
		copied = true
		f, changed, err = c.copyFinding(j)
	}
	switch {
	case err == nil:
		if changed {
			c.found(f)
		}
	case errors.Is(err, errMoving):
		if copied {
			c.problem(Problem{Path: j.path, Err: fmt.Errorf("no copy of it comes out consistent: %w", ErrBusy)})
		}
		c.wait.busy(j.path, copied)
	case notThere(err):
		// It vanished since it was listed; the watcher knows.
	case c.ctx.Err() != nil:
	default:
		c.problem(Problem{Path: j.path, Err: err, Subtree: errors.Is(err, vfs.ErrMount)})
	}
}

func (c *crew) fileFinding(j job) (f Finding, changed bool, err error) {
	file, err := c.o.Files.Open(j.path)
	if err != nil {
		return f, false, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	before, err := c.settled(file)
	if err != nil {
		return f, false, err
	}
	s := state{stamp: before, kind: index.File}
	read := mustRead(j.rec, s.kind, before)
	var content []byte
	if read {
		if s.hash, content, err = c.content(file, j.rec, before); err != nil {
			return f, false, err
		}
		if after, err := file.Stat(); err != nil || after.Stamp != before {
			return f, false, errors.Join(errMoving, err)
		}
	}
	f, changed = c.o.Facts.compare(j.path, j.rec, s, read)
	if f.What == index.Created || f.What == index.Changed {
		f.Content = content
	}
	return f, changed, nil
}

// settled returns the stamp of a file that nobody writes to, as far as can be told.
func (c *crew) settled(file vfs.Content) (index.Stamp, error) {
	return ripen(c.ctx, c.wait.now, func() (index.Stamp, error) {
		i, err := file.Stat()
		if err != nil {
			return i.Stamp, err
		}
		writers, known := file.Writers()
		if a := age(i.Stamp, c.wait.now()); writers || !known && a >= 0 && a < c.wait.settle {
			return i.Stamp, errMoving
		}
		return i.Stamp, nil
	})
}

// content returns the hash of a file, and the bytes if they are few.
func (c *crew) content(file vfs.Content, r *index.Record, s index.Stamp) (index.Hash, []byte, error) {
	if h, ok := c.wait.moved(s); ok {
		return h, nil, nil
	}
	if c.cuts(r, s) {
		h, err := c.cutContent(file, s.Size)
		return h, nil, err
	}
	h, content, n, err := sum(c.ctx, file, SmallContent, c.read)
	if err == nil && n != s.Size {
		err = errMoving
	}
	return h, content, err
}

// link reads a symlink; stat before and after must agree.
func (c *crew) link(p index.Path, r *index.Record) (Finding, bool, error) {
	lstat := func() (index.Stamp, error) {
		i, err := c.o.Files.Lstat(p)
		if err == nil && i.Type != vfs.Link {
			err = errMoving
		}
		return i.Stamp, err
	}
	before, err := ripen(c.ctx, c.wait.now, lstat)
	if err != nil {
		return Finding{}, false, err
	}
	target, err := c.o.Files.Readlink(p)
	if err != nil {
		return Finding{}, false, err
	}
	if after, err := lstat(); err != nil || after != before {
		return Finding{}, false, errMoving
	}
	f, changed := c.o.Facts.compare(p, r, state{stamp: before, kind: index.Symlink, target: target}, true)
	return f, changed, nil
}

// present notes what there is to note of something that is there, of the given
// record, which was read before info.
func (c *crew) present(p index.Path, r *index.Record, info vfs.Info) error {
	ours, was := oursOf(r)
	kind := kindOf(info.Type)
	same := known(ours, was, kind) && was == info.Stamp
	switch {
	case kind == index.File && !same:
		h, ok := c.wait.untouched(info.Stamp)
		if !ok {
			return c.file(p, r)
		}
		if f, changed := c.o.Facts.compare(p, r, state{stamp: info.Stamp, kind: kind, hash: h}, true); changed {
			c.found(f)
		}
	case kind == index.Symlink && (!same || c.wait.closely):
		return c.presentLink(p, r)
	case kind == index.Dir:
		if f, changed := c.o.Facts.compare(p, r, state{stamp: info.Stamp, kind: kind}, false); changed {
			c.found(f)
		}
	}
	return context.Cause(c.ctx)
}

func (c *crew) presentLink(p index.Path, r *index.Record) error {
	f, changed, err := c.link(p, r)
	switch {
	case err == nil:
		if changed {
			c.found(f)
		}
	case errors.Is(err, errMoving):
		c.wait.busy(p, false)
	case notThere(err):
	case c.ctx.Err() != nil:
		return context.Cause(c.ctx)
	default:
		c.problem(Problem{Path: p, Err: err})
	}
	return nil
}
