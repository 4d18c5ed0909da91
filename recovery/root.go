package recovery

import (
	"errors"
	"fmt"
	"io/fs"

	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// Why a share must not touch its root. The errors of CheckRoot wrap one of
// them, and say what to do.
var (
	ErrRootMissing  = errors.New("the root directory is missing")
	ErrRootReplaced = errors.New("the root is not the directory that it was")
)

// CheckRoot looks the root up again and compares it with the one that the
// index belongs to, so that an unmounted disk, or another directory at the
// same path, is never taken for a mass deletion (rule 12). An index that
// knows no root yet accepts any.
func CheckRoot(meta store.Meta, files vfs.Files) error {
	now, err := files.Identity()
	if err != nil {
		return rootMissing(err)
	}
	if meta.Root != (index.Identity{}) && !now.Same(meta.Root) {
		return fmt.Errorf("%w: the index knows device %d inode %d, at its path is device %d inode %d; "+
			"bring the old one back (is its disk mounted?), or accept the new one with 'duet resume %s --accept-root'; "+
			"nothing is changed on either side until then",
			ErrRootReplaced, meta.Root.Dev, meta.Root.Ino, now.Dev, now.Ino, meta.Share)
	}
	if opened := files.Opened(); !now.Same(opened) {
		return fmt.Errorf("%w: it was replaced while in use (inode %d, now %d); "+
			"bring the old one back, or accept the new one with 'duet resume %s --accept-root'; "+
			"nothing is changed on either side until then",
			ErrRootReplaced, opened.Ino, now.Ino, meta.Share)
	}
	return nil
}

func rootMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: bring it back (is its disk mounted?); nothing is deleted at the peer: %w", ErrRootMissing, err)
	}
	return fmt.Errorf("%w: it cannot be looked at; nothing is deleted at the peer until it can: %w", ErrRootMissing, err)
}
