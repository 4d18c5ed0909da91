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

// ReturnInside gives back what people made in the directory that h names while
// it was in the tree at p, where they now have one of their own again. Each
// thing goes to its name there, if that is free; it returns true if something
// is left in h, which then has to be kept.
//
// RACE: whoever is in that directory may make another thing at any time: so it
// stays in the stage until the next replay, empty or not.
func ReturnInside(files vfs.Files, h vfs.Held, p index.Path) (left bool, err error) {
	inside, err := files.Inside(h)
	if err != nil {
		return true, err
	}
	defer func() { err = errors.Join(err, inside.Close()) }()
	names, err := namesIn(inside, index.Root)
	if err != nil {
		return true, err
	}
	for _, name := range names {
		went, err := returnOne(files, inside, h, p, name)
		if err != nil {
			return true, err
		}
		left = left || !went
	}
	return left, nil
}

// returnOne goes by way of a name in the stage that says that it is no copy.
func returnOne(files, inside vfs.Files, h vfs.Held, p index.Path, name string) (went bool, err error) {
	here, err := index.Root.Join(name)
	if err != nil {
		return false, err
	}
	there, err := p.Join(name)
	if err != nil {
		return false, nil // too long there
	}
	way, err := Free(files, vfs.Held{Area: vfs.Stage, Name: h.Name + "-in"})
	if err != nil {
		return false, err
	}
	if err := inside.Shelve(here, way); err != nil {
		return false, err
	}
	if files.Place(way, there) == nil {
		return true, nil
	}
	return false, inside.Place(way, here) // the name is taken
}
