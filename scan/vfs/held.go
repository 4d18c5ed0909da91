package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"duet/store/index"
)

func (h Held) String() string {
	if h.In != "" {
		return string(h.Area) + "/" + index.Quote(h.In) + "/" + index.Quote(h.Name)
	}
	return string(h.Area) + "/" + index.Quote(h.Name)
}

// area returns the folder that h is in. It is the caller's to close.
func (t *Tree) area(h Held) (spot, error) {
	if err := oneName(h.Name); err != nil {
		return spot{}, err
	}
	if h.In != "" {
		return t.areaIn(h)
	}
	switch h.Area {
	case Stage:
		return spot{dir: t.stage, leaf: h.Name}, nil
	case Kept:
		return spot{dir: t.kept, leaf: h.Name}, nil
	}
	return spot{}, fmt.Errorf("no area %q", string(h.Area))
}

// areaIn opens the staged directory that h is in.
func (t *Tree) areaIn(h Held) (spot, error) {
	if err := oneName(h.In); err != nil {
		return spot{}, err
	}
	if h.Area != Stage {
		return spot{}, fmt.Errorf("%s has no directories to be placed", h.Area)
	}
	fd, err := openat(t.stage, h.In, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW)
	if err != nil {
		return spot{}, t.standing(spot{dir: t.stage}, err)
	}
	return spot{dir: fd, leaf: h.Name, own: true}, nil
}

// held runs fn where h is, and says in its error what was being done to h.
func (t *Tree) held(op string, h Held, fn func(spot) error) error {
	if err := t.enter(); err != nil {
		return err
	}
	defer t.leave()
	s, err := t.area(h)
	if err == nil {
		err = t.standing(s, fn(s))
		s.close()
	}
	if err != nil {
		return fmt.Errorf("%s %v: %w", op, h, err)
	}
	return nil
}

// standing returns err, unless that says "does not exist" only because the
// whole folder of the holding area was removed.
func (t *Tree) standing(s spot, err error) error {
	if s.own || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var st unix.Stat_t
	if e := unix.Fstat(s.dir, &st); e != nil {
		return fmt.Errorf("stat the holding area: %w", e)
	}
	if t.counted && st.Nlink == 0 {
		return fmt.Errorf("the holding area %s was removed while it was in use: restart to make a new one", index.Quote(t.holding))
	}
	return err
}

// OpenHeld opens a held regular file for reading.
func (t *Tree) OpenHeld(h Held) (Content, error) {
	var c *content
	err := t.held("open", h, func(s spot) (err error) {
		c, err = t.openContent(s)
		return err
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// LstatHeld looks at a held thing.
func (t *Tree) LstatHeld(h Held) (info Info, err error) {
	err = t.held("lstat", h, func(s spot) (err error) {
		info, err = t.look(s.dir, s.leaf)
		return err
	})
	return info, err
}

// ReadlinkHeld returns what a held symlink says.
func (t *Tree) ReadlinkHeld(h Held) (target string, err error) {
	err = t.held("readlink", h, func(s spot) (err error) {
		target, err = t.readlink(s)
		return err
	})
	return target, err
}

// Inside opens a held directory as a tree of its own, with the same holding
// area. Closing one leaves the other open.
func (t *Tree) Inside(h Held) (Files, error) {
	in := &Tree{name: t.name, lacks: t.lacks, root: -1, stage: -1, kept: -1, dev: t.dev, holding: t.holding}
	in.path = filepath.Join(t.holding, string(h.Area), h.Name)
	err := t.held("open directory", h, func(s spot) error {
		for _, f := range []struct {
			fd   *int
			dir  int
			name string
			mode int
		}{{&in.root, s.dir, s.leaf, unix.O_PATH}, {&in.stage, t.stage, ".", unix.O_RDONLY}, {&in.kept, t.kept, ".", unix.O_RDONLY}} {
			fd, err := openat(f.dir, f.name, f.mode|unix.O_DIRECTORY|unix.O_NOFOLLOW)
			if err == unix.ENOTDIR {
				return ErrChanged
			}
			if err != nil {
				return err
			}
			*f.fd = fd
		}
		return in.identify()
	})
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return in, nil
}

// ListHeld returns what is in one folder of the holding area, in byte order of
// the names.
func (t *Tree) ListHeld(a Area) (infos []Info, err error) {
	err = t.listing(a, func(fd int) (err error) {
		infos, err = t.list(fd)
		return err
	})
	return infos, err
}

// HeldNames returns the names of what is in one folder of the holding area.
func (t *Tree) HeldNames(a Area) (names []string, err error) {
	err = t.listing(a, func(fd int) (err error) {
		names, err = namesIn(fd, ".")
		return err
	})
	return slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, probeName) }), err
}

// listing has list read one folder of the holding area.
func (t *Tree) listing(a Area, list func(fd int) error) error {
	if err := t.enter(); err != nil {
		return err
	}
	defer t.leave()
	s, err := t.area(Held{Area: a, Name: "x"})
	if err != nil {
		return err
	}
	if err := list(s.dir); err != nil {
		return fmt.Errorf("list %s: %w", a, t.standing(s, err))
	}
	return nil
}

func (t *Tree) list(dir int) ([]Info, error) {
	names, err := namesIn(dir, ".")
	if err != nil {
		return nil, err
	}
	infos := make([]Info, 0, len(names))
	for _, name := range names {
		info, err := t.look(dir, name)
		if errors.Is(err, fs.ErrNotExist) || strings.HasPrefix(name, probeName) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", index.Quote(name), err)
		}
		infos = append(infos, info)
	}
	return infos, nil
}

// namesIn lists the directory name in dir, in byte order.
func namesIn(dir int, name string) ([]string, error) {
	fd, err := openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), index.Quote(name))
	names, err := f.Readdirnames(-1)
	slices.Sort(names)
	return names, errors.Join(err, f.Close())
}

// StageDir makes an empty directory. It is on stable storage when SyncDirs has
// returned for the directory that it is then placed in, and for itself.
func (t *Tree) StageDir(h Held, m Meta) (stamp index.Stamp, err error) {
	err = t.held("make directory", h, func(s spot) error {
		if err := unix.Mkdirat(s.dir, s.leaf, 0o700); err != nil {
			return err
		}
		stamp, err = t.dressNew(s, m)
		return err
	})
	return stamp, err
}

// StageLink makes a symlink. Its mode cannot be set.
func (t *Tree) StageLink(h Held, target string, m Meta) (stamp index.Stamp, err error) {
	err = t.held("make symlink", h, func(s spot) error {
		if target == "" {
			return errors.New("its target is empty") // symlinkat says ENOENT
		}
		if err := unix.Symlinkat(target, s.dir, s.leaf); err != nil {
			return err
		}
		stamp, err = t.dressNew(s, m)
		return err
	})
	return stamp, err
}

// dressNew sets the metadata of something just made, or removes it again.
func (t *Tree) dressNew(s spot, m Meta) (index.Stamp, error) {
	stamp, err := t.dressSpot(s, m, func(Info) error { return nil })
	if err != nil {
		return index.Stamp{}, errors.Join(err, t.remove(s.dir, s.leaf))
	}
	return stamp, nil
}

// RenameHeld renames within the holding area; fs.ErrExist if to is taken.
func (t *Tree) RenameHeld(from, to Held) error {
	return t.held("rename", from, func(a spot) error {
		b, err := t.area(to)
		if err == nil {
			err = t.shift(a, b)
			b.close()
		}
		if err != nil {
			return fmt.Errorf("to %v: %w", to, err)
		}
		return nil
	})
}

// RemoveHeld destroys a held file, symlink, or directory with all in it.
func (t *Tree) RemoveHeld(h Held) error {
	return t.held("remove", h, func(s spot) error { return t.remove(s.dir, s.leaf) })
}

// RmdirHeld removes a held directory that is empty.
func (t *Tree) RmdirHeld(h Held) error {
	return t.held("remove directory", h, func(s spot) error { return unix.Unlinkat(s.dir, s.leaf, unix.AT_REMOVEDIR) })
}

// remove destroys name in dir, a directory with all that is below it. It
// enters no symlink and no mount point.
func (t *Tree) remove(dir int, name string) error {
	if err := unix.Unlinkat(dir, name, 0); err != unix.EISDIR {
		return err
	}
	fd, err := openat(dir, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW)
	if err != nil {
		return err
	}
	if err := errors.Join(t.empty(fd), unix.Close(fd)); err != nil {
		return err
	}
	return unix.Unlinkat(dir, name, unix.AT_REMOVEDIR)
}

// empty destroys all that is in a directory.
func (t *Tree) empty(dir int) error {
	info, err := t.look(dir, "")
	if err != nil {
		return err
	}
	if info.Mount {
		return ErrMount
	}
	if info.Stamp.Mode&0o700 != 0o700 {
		// In the tree its owner may have been shut out of it.
		if err := chmod(dir, 0o700); err != nil {
			return err
		}
	}
	names, err := namesIn(dir, ".")
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := t.remove(dir, name); err != nil && err != unix.ENOENT {
			return fmt.Errorf("%s: %w", index.Quote(name), err)
		}
	}
	return nil
}
