package rig

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Item is what a tree has at one path.
type Item struct {
	Kind   byte // 'f', 'd', 'l', or '?'
	Mode   uint32
	Size   int64
	MTime  int64 // ns; 0 for directories
	Sum    [32]byte
	Target string
}

// SameBytes reports whether i and j are the same but for metadata.
func (i Item) SameBytes(j Item) bool {
	return i.Kind == j.Kind && i.Sum == j.Sum && i.Size == j.Size && i.Target == j.Target
}

func (i Item) String() string {
	switch i.Kind {
	case 0:
		return "nothing"
	case 'f':
		return fmt.Sprintf("file of %d bytes %x, %o, mtime %d", i.Size, i.Sum[:4], i.Mode, i.MTime)
	case 'l':
		return fmt.Sprintf("symlink to %q, mtime %d", i.Target, i.MTime)
	}
	return fmt.Sprintf("%c, %o", i.Kind, i.Mode)
}

// Tree is a directory tree as it is on disk, by raw path.
type Tree map[string]Item

// ReadTree reads the tree at root, every byte of it. What vanishes meanwhile
// is left out.
func ReadTree(root string) (Tree, error) {
	tree := Tree{}
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return gone(err)
		}
		name, err := filepath.Rel(root, path)
		if err != nil || name == "." {
			return err
		}
		if name == ".duet" {
			return fs.SkipDir
		}
		item, err := readItem(path)
		if err != nil {
			return gone(err)
		}
		tree[name] = item
		return nil
	})
	return tree, err
}

func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func readItem(path string) (Item, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return Item{}, err
	}
	item := Item{Kind: '?', Mode: info.Sys().(*syscall.Stat_t).Mode & 0o7777}
	switch info.Mode().Type() {
	case fs.ModeDir:
		item.Kind = 'd'
	case fs.ModeSymlink:
		item.Kind, item.Mode, item.MTime = 'l', 0, info.ModTime().UnixNano()
		item.Target, err = os.Readlink(path)
	case 0:
		item.Kind, item.Size, item.MTime = 'f', info.Size(), info.ModTime().UnixNano()
		item.Sum, err = sum(path)
	}
	return item, err
}

func sum(path string) (digest [32]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return digest, err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return [32]byte(h.Sum(nil)), err
}

// Diff returns a line for each path at which t and u differ.
func (t Tree) Diff(u Tree) []string {
	var lines []string
	for _, path := range t.differing(u) {
		lines = append(lines, fmt.Sprintf("%q: %v, other side: %v", path, t[path], u[path]))
	}
	return lines
}

func (t Tree) differing(u Tree) []string {
	var paths []string
	for path, item := range t {
		if u[path] != item {
			paths = append(paths, path)
		}
	}
	for path := range u {
		if _, ok := t[path]; !ok {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}

// Paths returns t's paths, sorted.
func (t Tree) Paths() []string { return slices.Sorted(maps.Keys(t)) }

// Tree reads n's first share.
func (n *Node) Tree() Tree {
	n.t.Helper()
	tree, err := ReadTree(n.At())
	if err != nil {
		n.t.Fatal(err)
	}
	return tree
}

// differences describes up to limit differences between the pair's trees.
func (p *Pair) differences(limit int) string {
	for _, share := range p.A.Shares {
		a, err := ReadTree(p.A.Root(share))
		if err != nil {
			return err.Error()
		}
		b, err := ReadTree(p.B.Root(share))
		if err != nil {
			return err.Error()
		}
		if lines := a.Diff(b); len(lines) > 0 {
			return fmt.Sprintf("%d paths of %s differ:\n  %s", len(lines), share, strings.Join(lines[:min(limit, len(lines))], "\n  "))
		}
	}
	return ""
}

// differing returns up to limit paths at which the first share differs.
func (p *Pair) differing(limit int) []string {
	a, errA := ReadTree(p.A.At())
	b, errB := ReadTree(p.B.At())
	if errA != nil || errB != nil {
		return nil
	}
	paths := a.differing(b)
	return paths[:min(limit, len(paths))]
}
