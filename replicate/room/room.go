// Package room keeps some of the disk free of what the peer says, and of what it
// has this node fetch.
package room

import (
	"fmt"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"duet/replicate/transfer"
	"duet/scan/vfs"
	"duet/store/index"
)

// spare is the space that the peer cannot take up: neither with contents, nor
// with paths that only fill the index. The host's other programs need it, and
// so does this one, to shrink again. On a small filesystem it is less, see
// below.
const spare = 64 << 20

// ForIndex says why nothing more that the peer says can be written down in
// the index in this file; nil if it can. A filesystem that does not tell is taken to have room.
func ForIndex(file string) error {
	var sf unix.Statfs_t
	if err := unix.Statfs(file, &sf); err != nil || sf.Bsize <= 0 {
		return nil
	}
	spare := min(spare, sf.Blocks*uint64(sf.Bsize)/64)
	if free := sf.Bavail * uint64(sf.Bsize); free < spare {
		return &FullError{fmt.Sprintf("%d MiB are free for the index in %s, and the last %d are not for what the peer says: free some space there; duet goes on by itself",
			free>>20, filepath.Dir(file), spare>>20)}
	}
	return nil
}

// FullError means that there is no room for what the peer said.
type FullError struct{ text string }

func (e *FullError) Error() string { return e.text }

// ForContents returns those of wants for which there is room, and fails the
// others, before anything of them is fetched: a size is only what the peer says.
func ForContents(files vfs.Files, wants []transfer.Want, fail func(index.Path, error)) []transfer.Want {
	free, err := files.Free()
	if err != nil {
		return wants // staging will say what is wrong
	}
	spare := min(spare, free/16)
	free -= spare
	var fits []transfer.Want
	for _, w := range wants {
		if w.Size > free {
			fail(w.Path, fmt.Errorf("%d MiB are needed, and %d MiB are free besides the last %d: %w",
				w.Size>>20, max(free, 0)>>20, spare>>20, syscall.ENOSPC))
			continue
		}
		free -= w.Size
		fits = append(fits, w)
	}
	return fits
}
