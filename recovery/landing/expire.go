package landing

import (
	"errors"
	"fmt"
	"io/fs"

	"duet/scan/vfs"
	"duet/store/index"
)

// Expire removes for good what an Expire intent names, as it is written down
// that it goes. The inode tells it from anything that has its name since. What
// cannot be removed stays in the holding area, where the next replay finds it.
func Expire(files vfs.Files, in *index.Intent) error {
	h := vfs.Held{Area: vfs.Kept, Name: in.Held}
	info, err := files.LstatHeld(h)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Stamp.Ino != in.Ino {
		return nil
	}
	if err == nil {
		err = files.RemoveHeld(h)
	}
	if err != nil {
		return fmt.Errorf("remove the kept version of %v: %w", in.Path, err)
	}
	return nil
}
