package install

import (
	"errors"
	"fmt"

	"duet/scan"
	"duet/scan/vfs"
	"duet/store/index"
)

// Copy stages a copy of content that is here already, verifies its hash
// against want, sets m and fsyncs. It may be called outside the writer lane,
// and should be for anything large. If the content is not what want says it
// returns ErrContent; on any error it leaves nothing staged.
func Copy(files vfs.Files, from Source, want *index.Entry, m vfs.Meta, to vfs.Held) (stamp index.Stamp, err error) {
	if from.Held.Name != "" {
		err = files.CopyHeld(from.Held, to)
	} else {
		_, err = files.Snapshot(from.Path, to)
	}
	if err == nil {
		stamp, err = finish(files, want, m, to)
	}
	if err != nil {
		err = fmt.Errorf("copy local content: %w", err)
		if _, e := files.LstatHeld(to); e == nil {
			err = errors.Join(err, files.RemoveHeld(to))
		}
	}
	return stamp, err
}

func finish(files vfs.Files, want *index.Entry, m vfs.Meta, h vfs.Held) (stamp index.Stamp, err error) {
	c, err := files.OpenHeld(h)
	if err != nil {
		return stamp, err
	}
	hash, size, err := scan.Sum(c)
	if err := errors.Join(err, c.Close()); err != nil {
		return stamp, err
	}
	if hash != want.Hash || size != want.Size {
		return stamp, ErrContent
	}
	d, err := files.Append(h)
	if err != nil {
		return stamp, err
	}
	stamp, err = d.Finish(m)
	return stamp, errors.Join(err, d.Close())
}
