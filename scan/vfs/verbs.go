package vfs

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"golang.org/x/sys/unix"

	"duet/store/index"
)

// Place moves h into the tree, to a path where nothing is.
func (t *Tree) Place(h Held, p index.Path) error {
	return t.verb("place", p, h, func(held, s spot) error { return t.put(held, s) })
}

// Swap exchanges h with what is at p.
func (t *Tree) Swap(h Held, p index.Path) error {
	return t.verb("swap", p, h, func(held, s spot) error {
		if !t.lacks.exchange {
			return unix.Renameat2(held.dir, held.leaf, s.dir, s.leaf, unix.RENAME_EXCHANGE)
		}
		if _, err := t.look(held.dir, held.leaf); err != nil {
			return err
		}
		return t.trade(held, s)
	})
}

// trade is Swap in three renames: what was at s goes away to "<held>.out",
// held takes its place, and "<held>.out" takes held's name. A crash in between
// leaves s missing, and both things in the holding area.
func (t *Tree) trade(held, s spot) error {
	out := spot{dir: held.dir, leaf: held.leaf + ".out"}
	if err := t.shift(s, out); err != nil {
		return err
	}
	if err := t.put(held, s); err != nil {
		// Somebody was quicker with something new there, or it cannot be done:
		// what was there goes back if it can, and is in the holding area if not.
		if back := t.put(out, s); back != nil {
			return errors.Join(err, fmt.Errorf("what was there is %s in the holding area: %w", index.Quote(out.leaf), back))
		}
		return err
	}
	return t.shift(out, held)
}

// Shelve moves what is at p away to the holding area.
func (t *Tree) Shelve(p index.Path, h Held) error {
	return t.verb("shelve", p, h, func(held, s spot) error { return t.shift(s, held) })
}

// verb runs fn where h and p are.
func (t *Tree) verb(op string, p index.Path, h Held, fn func(held, s spot) error) error {
	return t.at(op, p, func(s spot) error {
		held, err := t.area(h)
		if err != nil {
			return fmt.Errorf("%v: %w", h, err)
		}
		defer held.close()
		err = t.cause(s, t.standing(held, fn(held, s)))
		if err == nil {
			return nil
		}
		return fmt.Errorf("with %v: %w", h, err)
	})
}

// Move renames within the tree, to a path where nothing is.
func (t *Tree) Move(from, to index.Path) error {
	return t.at("move", from, func(a spot) error {
		b, err := t.spot(to)
		if err == nil {
			err = t.cause(b, t.cause(a, t.move(a, b)))
			b.close()
		}
		if err != nil {
			return fmt.Errorf("to %v: %w", to, err)
		}
		return nil
	})
}

func (t *Tree) move(a, b spot) error {
	if !t.lacks.noreplace {
		return unix.Renameat2(a.dir, a.leaf, b.dir, b.leaf, unix.RENAME_NOREPLACE)
	}
	// Both names can change at any moment. By way of the holding area each
	// half has one end that cannot.
	if _, err := t.look(b.dir, b.leaf); err == nil {
		return unix.EEXIST
	}
	mid := spot{dir: t.stage, leaf: fmt.Sprintf("move-%016x", rand.Uint64())}
	if err := t.shift(a, mid); err != nil {
		return err
	}
	if err := t.put(mid, b); err != nil {
		if back := t.put(mid, a); back != nil {
			return errors.Join(err, fmt.Errorf("it is %s in the holding area: %w", mid.leaf, back))
		}
		return err
	}
	return nil
}

// Rmdir removes an empty directory. It fails with fs.ErrExist, ENOTEMPTY, if
// it is not empty, and with ErrChanged if it is no directory.
func (t *Tree) Rmdir(p index.Path) error {
	return t.at("remove directory", p, func(s spot) error {
		err := unix.Unlinkat(s.dir, s.leaf, unix.AT_REMOVEDIR)
		if err != unix.ENOTDIR {
			return err
		}
		info, e := t.look(s.dir, s.leaf)
		if e != nil {
			return e
		}
		return unlike(info.Type)
	})
}

// shift renames a to b, which must be free and in the holding area: there
// nobody else makes names, so that a look is as good as RENAME_NOREPLACE.
func (t *Tree) shift(a, b spot) error {
	if !t.lacks.noreplace {
		return unix.Renameat2(a.dir, a.leaf, b.dir, b.leaf, unix.RENAME_NOREPLACE)
	}
	switch _, err := t.look(b.dir, b.leaf); err {
	case unix.ENOENT:
		return unix.Renameat(a.dir, a.leaf, b.dir, b.leaf)
	case nil:
		return unix.EEXIST
	default:
		return err
	}
}

// put renames a, which must be in the holding area, to b in the tree, which
// must be free.
func (t *Tree) put(a, b spot) error {
	if !t.lacks.noreplace {
		return unix.Renameat2(a.dir, a.leaf, b.dir, b.leaf, unix.RENAME_NOREPLACE)
	}
	info, err := t.look(a.dir, a.leaf)
	if err != nil {
		return err
	}
	if info.Type != Directory && !t.lacks.links {
		// link(2) replaces nothing, and nobody changes a's name between.
		err := unix.Linkat(a.dir, a.leaf, b.dir, b.leaf, 0)
		switch err {
		case nil:
			return unix.Unlinkat(a.dir, a.leaf, 0)
		case unix.EPERM, unix.EOPNOTSUPP, unix.ENOSYS, unix.EMLINK:
			// no links here, or no more of this one
		default:
			return err
		}
	}
	// RACE: what somebody makes at b between look and rename is replaced: for a
	// directory only an empty directory, so that no bytes are lost; for a file,
	// any file. Only filesystems without RENAME_NOREPLACE and hard links
	// leave this window, and Degraded says so.
	if _, err := t.look(b.dir, b.leaf); err == nil {
		return unix.EEXIST
	} else if err != unix.ENOENT {
		return err
	}
	return unix.Renameat(a.dir, a.leaf, b.dir, b.leaf)
}
