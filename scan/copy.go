package scan

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"duet/scan/vfs"
	"duet/store/index"
)

// SnapshotSuffix ends the names of the copies that Examine makes in the stage.
const SnapshotSuffix = ".snap"

// copyFinding is for a file that has been written to for so long that it goes
// out as it is at one moment.
func (c *crew) copyFinding(j job) (f Finding, changed bool, err error) {
	held := vfs.Held{Area: vfs.Stage, Name: rand.Text() + SnapshotSuffix}
	defer func() {
		if f.Snapshot == (vfs.Held{}) {
			if e := c.o.Files.RemoveHeld(held); e != nil && !notThere(e) {
				err = errors.Join(err, e)
			}
		}
	}()
	var s state
	var content []byte
	at := c.wait.now()
	stamp, err := c.o.Files.Snapshot(j.path, held)
	switch {
	case errors.Is(err, vfs.ErrChanged):
		s, content, err = c.copyPrefix(j.path, held)
	case err == nil:
		s = state{stamp: stamp, kind: index.File}
		s.hash, content, err = c.heldContent(held, stamp.Size)
		if _, yes := young(stamp, at); yes {
			s.stamp = untrusted(stamp)
		}
	}
	if err != nil {
		return f, false, err
	}
	f, changed = c.o.Facts.compare(j.path, j.rec, s, true)
	if f.What == index.Created || f.What == index.Changed {
		f.Content, f.Snapshot = content, held
	}
	return f, changed, nil
}

// untrusted returns s with a ctime that no stat will say, so that the next look
// reads the file again: the next write may leave this very stamp.
func untrusted(s index.Stamp) index.Stamp {
	s.Ctime = 0
	return s
}

func (c *crew) heldContent(h vfs.Held, size int64) (_ index.Hash, _ []byte, err error) {
	file, err := c.o.Files.OpenHeld(h)
	if err != nil {
		return index.Hash{}, nil, fmt.Errorf("read the copy: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	hash, content, n, err := sum(c.ctx, file, SmallContent, c.read)
	if err == nil && n != size {
		err = fmt.Errorf("read the copy: it has %d bytes, not %d", n, size)
	}
	return hash, content, err
}

// copyPrefix copies as much of a file as it has now, while it is written to
// without a pause: a log, most likely. If these bytes are the same when they
// are read once more, then only what follows was written meanwhile, and the
// copy is the file as it was in between.
func (c *crew) copyPrefix(p index.Path, h vfs.Held) (s state, content []byte, err error) {
	file, err := c.o.Files.Open(p)
	if err != nil {
		return s, nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return s, nil, err
	}
	size := info.Stamp.Size
	draft, err := c.o.Files.Create(h)
	if err != nil {
		return s, nil, err
	}
	prefix := func() io.Reader { return io.NewSectionReader(file, 0, size) }
	first, content, n, err := sum(c.ctx, io.TeeReader(prefix(), draft), SmallContent, c.read)
	if err = errors.Join(err, draft.Close()); err != nil {
		return s, nil, err
	}
	second, _, _, err := sum(c.ctx, prefix(), 0, c.read)
	if err == nil && (n != size || first != second) {
		err = errMoving
	}
	return state{stamp: untrusted(info.Stamp), kind: index.File, hash: first}, content, err
}
