package demo

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"duet/store/index"
)

// owner is whom a side's files belong to; the zero owner is whoever runs the demo.
type owner struct {
	user, group string
	uid, gid    int
}

func (o owner) String() string {
	if o.user == "" {
		return ""
	}
	return o.user + ":" + o.group
}

// twoOwners are two users of this machine, to show that each side has its own.
// Only root can give files away.
func twoOwners() (a, b owner) {
	if os.Geteuid() != 0 {
		return
	}
	var found []owner
	for _, name := range []string{"www-data", "daemon", "nobody", "bin", "mail"} {
		if o, err := lookup(name); err == nil {
			found = append(found, o)
		}
	}
	if len(found) < 2 {
		return
	}
	return found[0], found[1]
}

func lookup(name string) (owner, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return owner{}, err
	}
	g, err := user.LookupGroupId(u.Gid)
	if err != nil {
		return owner{}, err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return owner{}, err
	}
	gid, err := strconv.Atoi(u.Gid)
	return owner{name, g.Name, uid, gid}, err
}

// item is one thing in a tree.
type item struct {
	mode    fs.FileMode
	content string // or link target
	modTime time.Time
	uid     int
}

// read reads a small tree.
func read(root string) (map[string]item, error) {
	tree := map[string]item{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil || rel == "." {
			return err
		}
		if rel == ".duet" {
			return fs.SkipDir
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		it := item{mode: st.Mode(), uid: int(st.Sys().(*syscall.Stat_t).Uid)}
		switch {
		case st.Mode().IsRegular():
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			it.content, it.modTime = string(data), st.ModTime()
		case st.Mode()&fs.ModeSymlink != 0:
			if it.content, err = os.Readlink(name); err != nil {
				return err
			}
		}
		tree[rel] = it
		return nil
	})
	return tree, err
}

// different says in what the two sides' trees differ, "" if they do not:
// names, kinds, contents, modes and times. Owners are each side's own.
func (p *pair) different() (string, error) {
	for name, root := range p.a.roots {
		a, errA := read(root)
		b, errB := read(p.b.roots[name])
		if err := errors.Join(errA, errB); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return "a file went while it was read", nil
			}
			return "", err
		}
		for path, x := range a {
			y, there := b[path]
			switch {
			case !there:
				return fmt.Sprintf("%s/%s is only on %s", name, index.Quote(path), p.a.name), nil
			case x.content != y.content || x.mode != y.mode || !x.modTime.Equal(y.modTime):
				return fmt.Sprintf("%s/%s differs", name, index.Quote(path)), nil
			}
		}
		for path := range b {
			if _, there := a[path]; !there {
				return fmt.Sprintf("%s/%s is only on %s", name, index.Quote(path), p.b.name), nil
			}
		}
	}
	return "", nil
}

// listing shows a side's trees, much as ls -l does.
func (s *side) listing() (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "  %s\n", s.name)
	for _, share := range slices.Sorted(maps.Keys(s.roots)) {
		tree, err := read(s.roots[share])
		if err != nil {
			return "", err
		}
		for _, path := range slices.Sorted(maps.Keys(tree)) {
			it := tree[path]
			who := strconv.Itoa(it.uid)
			if u, err := user.LookupId(who); err == nil {
				who = u.Username
			}
			fmt.Fprintf(&b, "    %s %-9s %4d  %s  %s/%s\n", it.mode, who, len(it.content),
				it.modTime.Format("15:04:05.000"), share, index.Quote(path))
		}
	}
	return b.String(), nil
}
