package landing

import (
	"errors"
	"io/fs"

	"duet/scan/vfs"
)

// SyncMeta puts metadata on stable storage that was set in place, also of what
// this user may not open. What is not there any more is no matter.
func SyncMeta(files vfs.Files, set []vfs.Seen) error {
	if len(set) == 0 {
		return nil
	}
	var errs []error
	for _, err := range files.SyncSeen(set) {
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, vfs.ErrChanged) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
