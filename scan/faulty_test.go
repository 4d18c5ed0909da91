package scan

import (
	"errors"

	"duet/scan/vfs"
	"duet/store/index"
)

// faulty is a tree of which parts cannot be read, or are elsewhere.
type faulty struct {
	vfs.Files
	fail   map[index.Path]error // lstat, open and listing
	list   map[index.Path]error // listing only
	mounts map[index.Path]bool
	open   func(vfs.Content) vfs.Content
	opened index.Identity
}

func (f *faulty) Lstat(p index.Path) (vfs.Info, error) {
	if err := f.fail[p]; err != nil {
		return vfs.Info{}, err
	}
	i, err := f.Files.Lstat(p)
	i.Mount = i.Mount || f.mounts[p]
	return i, err
}

func (f *faulty) OpenDir(p index.Path) (vfs.Dir, error) {
	if err := errors.Join(f.fail[p], f.list[p]); err != nil {
		return nil, err
	}
	d, err := f.Files.OpenDir(p)
	if err != nil {
		return nil, err
	}
	return faultyDir{d, f, p}, nil
}

func (f *faulty) Open(p index.Path) (vfs.Content, error) {
	if err := f.fail[p]; err != nil {
		return nil, err
	}
	c, err := f.Files.Open(p)
	if err == nil && f.open != nil {
		c = f.open(c)
	}
	return c, err
}

func (f *faulty) Opened() index.Identity {
	if f.opened != (index.Identity{}) {
		return f.opened
	}
	return f.Files.Opened()
}

type faultyDir struct {
	vfs.Dir
	f *faulty
	p index.Path
}

func (d faultyDir) Lstat(name string) (vfs.Info, error) {
	p, err := d.p.Join(name)
	if err != nil {
		return vfs.Info{}, err
	}
	return d.f.Lstat(p)
}
