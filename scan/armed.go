package scan

import (
	"maps"
	"strings"

	"duet/store/index"
)

// armed is the directories that are watched, as a tree, so that a whole
// subtree can be forgotten in no more steps than it has directories; and by
// inode, to recognise one that was moved.
type armed struct {
	root *armedDir
	by   map[uint64]index.Path
}

type armedDir struct {
	inode uint64 // 0: not watched itself
	kids  map[string]*armedDir
}

func newArmed() *armed { return &armed{&armedDir{}, map[uint64]index.Path{}} }

func parts(p index.Path) []string {
	if p == index.Root {
		return nil
	}
	return strings.Split(string(p), "/")
}

func (a *armed) find(p index.Path) *armedDir {
	d := a.root
	for _, name := range parts(p) {
		if d = d.kids[name]; d == nil {
			return nil
		}
	}
	return d
}

// inode returns the inode watched as p.
func (a *armed) inode(p index.Path) (uint64, bool) {
	if d := a.find(p); d != nil && d.inode != 0 {
		return d.inode, true
	}
	return 0, false
}

// at returns the path as which an inode is watched.
func (a *armed) at(inode uint64) (index.Path, bool) {
	p, ok := a.by[inode]
	return p, ok
}

func (a *armed) add(p index.Path, inode uint64) {
	d := a.root
	for _, name := range parts(p) {
		next := d.kids[name]
		if next == nil {
			if d.kids == nil {
				d.kids = map[string]*armedDir{}
			}
			next = &armedDir{}
			d.kids[strings.Clone(name)] = next
		}
		d = next
	}
	d.inode = inode
	a.by[inode] = p
}

// cut forgets p and everything below it, and returns what was watched.
func (a *armed) cut(p index.Path) []index.Path {
	d := a.find(p)
	if d == nil {
		return nil
	}
	if p == index.Root {
		a.root = &armedDir{}
	} else if above := a.find(p.Parent()); above != nil {
		delete(above.kids, p.Leaf())
	}
	var out []index.Path
	var walk func(p index.Path, d *armedDir)
	walk = func(p index.Path, d *armedDir) {
		if d.inode != 0 {
			out = append(out, p)
			if a.by[d.inode] == p {
				delete(a.by, d.inode)
			}
		}
		for name := range maps.Keys(d.kids) {
			if child, err := p.Join(name); err == nil {
				walk(child, d.kids[name])
			}
		}
	}
	walk(p, d)
	return out
}
