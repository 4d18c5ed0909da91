package landing

import (
	"errors"
	"fmt"

	"duet/scan"
	"duet/scan/vfs"
	"duet/store/index"
)

// Unchanged reports whether what lstat says now is what it said then, when a
// rename, which changes ctime, lies between. It is stricter than SameBytes:
// new metadata is an edit, too.
func Unchanged(now, then index.Stamp) bool {
	now.Ctime = then.Ctime
	return now == then
}

// Keep renames the staged h, which came out of the tree, to a free name among
// the kept. name is KeptName's.
func Keep(files vfs.Files, h vfs.Held, name string) (vfs.Held, error) {
	kept, err := Free(files, vfs.Held{Area: vfs.Kept, Name: name})
	if err != nil {
		return vfs.Held{}, err
	}
	return kept, files.RenameHeld(h, kept)
}

// EntryOf looks at a held thing that the index does not know, and returns an
// entry without a version for it. It hashes files, and puts their contents on
// stable storage.
func (e Env) EntryOf(files vfs.Files, h vfs.Held) (*index.Entry, error) {
	info, err := files.LstatHeld(h)
	if err != nil {
		return nil, err
	}
	out := &index.Entry{Mode: info.Stamp.Mode & 0777, Origin: e.Node}
	switch info.Type {
	case vfs.Directory:
		out.Kind = index.Dir
	case vfs.Link:
		out.Kind, out.Mode, out.ModTime = index.Symlink, 0, info.Stamp.ModTime
		out.Target, err = files.ReadlinkHeld(h)
		if err != nil {
			return nil, err
		}
	case vfs.Regular:
		out.Kind, out.ModTime = index.File, info.Stamp.ModTime
		out.Hash, out.Size, err = sumHeld(files, h)
		if err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("look at %v: %w", h, vfs.ErrSpecial)
	}
	return out, nil
}

// KnownAs is EntryOf for what is kept whatever it is: if it cannot be read, it
// is a file without a hash.
func (e Env) KnownAs(files vfs.Files, h vfs.Held) *index.Entry {
	entry, err := e.EntryOf(files, h)
	if err == nil {
		return entry
	}
	info, err := files.LstatHeld(h)
	switch {
	case err != nil:
		return &index.Entry{Kind: index.File, Origin: e.Node}
	case info.Type == vfs.Directory:
		return &index.Entry{Kind: index.Dir, Mode: info.Stamp.Mode & 0777, Origin: e.Node}
	}
	return &index.Entry{
		Kind: index.File, Size: info.Stamp.Size, ModTime: info.Stamp.ModTime, Mode: info.Stamp.Mode & 0777, Origin: e.Node,
	}
}

func sumHeld(files vfs.Files, h vfs.Held) (index.Hash, int64, error) {
	c, err := files.OpenHeld(h)
	if err != nil {
		return index.Hash{}, 0, err
	}
	hash, n, err := scan.Sum(c)
	if err == nil {
		err = c.Sync() // no scan has found it, so nobody has
	}
	return hash, n, errors.Join(err, c.Close())
}
