package vfs

import (
	"fmt"

	"golang.org/x/sys/unix"

	"duet/store/index"
)

// Near is one path whose directory is held open: what is done there, one thing
// after another, need not find the directory each time.
//
// RACE: as with each operation by itself, the directory may be moved elsewhere
// before the next one, and is still the directory that was moved. So it is for
// one path at a time, and for as long as a moment takes.
type Near struct {
	files Files
	path  index.Path
	tree  *Tree // nil: all is done by path
	spot  spot
	file  bool // Lstat has just found a regular file
}

// Grip is a regular file held open, to learn whether others have it open, too.
type Grip interface {
	// Writers is as for Content.
	Writers() (writers, known bool)
	Close() error
}

// NearTo opens the directory that holds p, which need not be there itself.
func NearTo(files Files, p index.Path) (*Near, error) {
	n := &Near{files: files, path: p}
	t, ok := files.(*Tree)
	if !ok {
		return n, nil
	}
	n.tree = t
	return n, n.do("open the directory of", func() (err error) {
		n.spot, err = t.spot(p)
		return err
	})
}

// NearBy is NearTo that makes use of a directory that n, if that is not nil, has open
// already. n is not to be used any more. It is for directories that nobody moves, or
// where only a look is taken.
func NearBy(n *Near, files Files, p index.Path) (*Near, error) {
	if n != nil && n.tree != nil && n.files == files && n.path.Parent() == p.Parent() {
		return &Near{files: files, path: p, tree: n.tree, spot: spot{n.spot.dir, p.Leaf(), n.spot.own}}, nil
	}
	if n != nil {
		n.Close()
	}
	return NearTo(files, p)
}

// do runs fn, and says in its error what was being done.
func (n *Near) do(op string, fn func() error) error {
	if err := n.tree.enter(); err != nil {
		return err
	}
	defer n.tree.leave()
	if err := fn(); err != nil {
		return fmt.Errorf("%s %v: %w", op, n.path, n.tree.cause(n.spot, err))
	}
	return nil
}

// Lstat looks at the path.
func (n *Near) Lstat() (info Info, err error) {
	if n.tree == nil {
		return n.files.Lstat(n.path)
	}
	err = n.do("lstat", func() (err error) {
		info, err = n.tree.look(n.spot.dir, n.spot.leaf)
		return err
	})
	n.file = err == nil && onlyFile(info, nil) == nil
	return info, err
}

// Grip opens the regular file that is at the path, and says what it is. Errors are
// those of Files.Open.
func (n *Near) Grip() (Grip, Info, error) {
	if n.tree == nil {
		c, err := n.files.Open(n.path)
		if err != nil {
			return nil, Info{}, err
		}
		info, err := c.Stat()
		return c, info, err
	}
	if !n.file { // to open something else can do something
		info, err := n.Lstat()
		if err == nil {
			err = onlyFile(info, nil)
		}
		if err != nil {
			return nil, Info{}, err
		}
	}
	fd := -1
	var info Info
	err := n.do("open", func() (err error) {
		fd, err = n.tree.openLeaf(n.spot, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
		if err == unix.ELOOP {
			return unlike(Link)
		}
		if err != nil {
			return err
		}
		info, err = n.tree.look(fd, "")
		if err := onlyFile(info, err); err != nil {
			_ = unix.Close(fd) // nothing was written
			return err
		}
		return nil
	})
	if err != nil {
		return nil, Info{}, err
	}
	return grip(fd), info, nil
}

// Shelve moves what is at the path away to the holding area.
func (n *Near) Shelve(h Held) error {
	if n.tree == nil {
		return n.files.Shelve(n.path, h)
	}
	return n.do("shelve", func() error {
		held, err := n.tree.area(h)
		if err == nil {
			err = n.tree.cause(n.spot, n.tree.standing(held, n.tree.shift(n.spot, held)))
		}
		if err != nil {
			return fmt.Errorf("with %v: %w", h, err)
		}
		return nil
	})
}

// Close lets the directory go.
func (n *Near) Close() {
	if n.tree != nil {
		n.spot.close()
	}
}

// grip is the descriptor of a regular file, open for reading.
type grip int

// Writers tries a read lease: see lease.
func (g grip) Writers() (writers, known bool) { return leased(int(g)) }

func (g grip) Close() error { return unix.Close(int(g)) }
