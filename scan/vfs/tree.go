package vfs

import (
	"errors"

	"duet/store/index"
)

// Options say how a tree is opened.
type Options struct {
	Holding string // the holding area; "": choose one, see Open
	Name    string // of the share; "": the root's own name
}

// Tree is the Files of a real directory.
type Tree struct{}

var _ Files = (*Tree)(nil)

// Open opens the directory root, and its holding area, which it makes if need be.
func Open(root string, o Options) (*Tree, error) { return nil, errors.ErrUnsupported }

// Holding returns the path of the holding area.
func (t *Tree) Holding() string { return "" }

// HoldingInside reports whether the holding area is inside the root.
func (t *Tree) HoldingInside() bool { return false }

// Degraded says in words what this filesystem or kernel lacks, nil if nothing.
func (t *Tree) Degraded() []string { return nil }

func (t *Tree) Identity() (index.Identity, error)     { return index.Identity{}, errors.ErrUnsupported }
func (t *Tree) Opened() index.Identity                { return index.Identity{} }
func (t *Tree) Lstat(p index.Path) (Info, error)      { return Info{}, errors.ErrUnsupported }
func (t *Tree) OpenDir(p index.Path) (Dir, error)     { return nil, errors.ErrUnsupported }
func (t *Tree) Open(p index.Path) (Content, error)    { return nil, errors.ErrUnsupported }
func (t *Tree) Readlink(p index.Path) (string, error) { return "", errors.ErrUnsupported }
func (t *Tree) Create(h Held) (Draft, error)          { return nil, errors.ErrUnsupported }
func (t *Tree) Append(h Held) (Draft, error)          { return nil, errors.ErrUnsupported }
func (t *Tree) OpenHeld(h Held) (Content, error)      { return nil, errors.ErrUnsupported }
func (t *Tree) LstatHeld(h Held) (Info, error)        { return Info{}, errors.ErrUnsupported }
func (t *Tree) ListHeld(a Area) ([]Info, error)       { return nil, errors.ErrUnsupported }
func (t *Tree) Snapshot(p index.Path, h Held) (index.Stamp, error) {
	return index.Stamp{}, errors.ErrUnsupported
}
func (t *Tree) CopyHeld(from, to Held) error { return errors.ErrUnsupported }
func (t *Tree) StageDir(h Held, m Meta) (index.Stamp, error) {
	return index.Stamp{}, errors.ErrUnsupported
}
func (t *Tree) StageLink(h Held, target string, m Meta) (index.Stamp, error) {
	return index.Stamp{}, errors.ErrUnsupported
}
func (t *Tree) RenameHeld(from, to Held) error    { return errors.ErrUnsupported }
func (t *Tree) RemoveHeld(h Held) error           { return errors.ErrUnsupported }
func (t *Tree) Place(h Held, p index.Path) error  { return errors.ErrUnsupported }
func (t *Tree) Swap(h Held, p index.Path) error   { return errors.ErrUnsupported }
func (t *Tree) Move(from, to index.Path) error    { return errors.ErrUnsupported }
func (t *Tree) Shelve(p index.Path, h Held) error { return errors.ErrUnsupported }
func (t *Tree) SetMeta(p index.Path, m Meta, expect index.Stamp) (index.Stamp, error) {
	return index.Stamp{}, errors.ErrUnsupported
}
func (t *Tree) Rmdir(p index.Path) error         { return errors.ErrUnsupported }
func (t *Tree) SyncDirs(dirs []index.Path) error { return errors.ErrUnsupported }
func (t *Tree) Free() (int64, error)             { return 0, errors.ErrUnsupported }
func (t *Tree) Close() error                     { return nil }
