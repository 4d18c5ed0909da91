package landing

import (
	"errors"
	"fmt"
	"io/fs"

	"duet/scan/vfs"
	"duet/store/index"
)

// maxBack bounds how often Back exchanges: each further time means that
// somebody saved again in the microseconds since the last.
const maxBack = 8

// Back undoes a swap of h with p, out of which came something else than the
// index expected: somebody saved in that instant, and that save belongs in the
// tree. ours tells what was swapped in from what somebody put there. It
// returns true if h names what was swapped in, so that nothing was displaced;
// false if h still names something that was in the tree, and has to be kept.
//
// RACE: while it exchanges, a reader may see the save, what we swapped in, and
// the save again. Each is complete.
func Back(files vfs.Files, h vfs.Held, p index.Path, ours func(index.Stamp) bool) (undone bool, err error) {
	var put index.Stamp // what the last exchange put in the tree
	for range maxBack {
		give, err := files.LstatHeld(h)
		if err != nil {
			return false, err
		}
		if err := files.Swap(h, p); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return false, nil // deleted: what h names is not missed in the tree
			}
			return false, err
		}
		got, err := files.LstatHeld(h)
		if err != nil {
			return false, err
		}
		if ours(got.Stamp) {
			return true, nil
		}
		if got.Stamp.Ino == put.Ino {
			return false, nil // the tree has the newest save, h the one before
		}
		put = give.Stamp
	}
	return false, nil
}

// Return puts what was shelved to h back to p, if nothing is there by now. It
// returns false if h still has it, and it has to be kept.
func Return(files vfs.Files, h vfs.Held, p index.Path) (bool, error) {
	err := files.Place(h, p)
	if err == nil {
		return true, nil
	}
	if _, e := files.LstatHeld(h); e != nil {
		return false, fmt.Errorf("return to %v: %w", p, errors.Join(err, e))
	}
	return false, nil
}
