package memfs

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"duet/scan/vfs"
	"duet/store/index"
)

// SyncSeen puts what was seen on stable storage: each thing, and each directory
// that has its name or had it. Never more than that, as the real one does if it
// is many things.
func (f *Files) SyncSeen(seen []vfs.Seen) []error {
	errs := make([]error, len(seen))
	in := make([]*node, len(seen))
	var folders []*node
	began := time.Now().UnixNano()
	for i, x := range seen {
		errs[i] = f.pass("sync seen", string(x.Path))
		if errs[i] == nil {
			in[i], errs[i] = f.syncThing(x)
		}
		if errs[i] == nil && !slices.Contains(folders, in[i]) {
			folders = append(folders, in[i])
		}
	}
	failed := map[*node]error{}
	for _, n := range folders {
		failed[n] = f.syncFolder(n)
	}
	for i, x := range seen {
		if errs[i] == nil {
			errs[i] = failed[in[i]]
		}
		if errs[i] != nil {
			errs[i] = fmt.Errorf("sync %v: %w", x.Path, errs[i])
			continue
		}
		f.d.claim(x, began)
	}
	return errs
}

func (f *Files) syncFolder(n *node) error {
	f.d.mu.Lock()
	path := strings.Join(f.d.paths(n), "")
	f.d.mu.Unlock()
	if err := f.pass("sync folder", path); err != nil {
		return err
	}
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	f.d.syncDirs(map[*node]bool{n: true})
	return nil
}

// syncThing syncs one thing, and returns the directory that says that it is
// there, or that it is not. A symlink has no fsync.
func (f *Files) syncThing(x vfs.Seen) (dir *node, err error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	s, err := f.spot(x.Path)
	if x.Stamp == (index.Stamp{}) {
		return f.nearest(x.Path), nil
	}
	if err != nil {
		return nil, err
	}
	n, err := s.node()
	switch {
	case err != nil:
		return nil, err
	case n.ino != x.Stamp.Ino || (n.mode^x.Stamp.Mode)&typeMask != 0:
		return nil, vfs.ErrChanged
	case n.isFile():
		f.d.syncFile(n)
	case n.isDir():
		f.d.syncDirs(map[*node]bool{n: true})
	}
	return s.dir, nil
}

// nearest is the directory that has p in it, or the nearest one above that is
// there.
func (f *Files) nearest(p index.Path) *node {
	names := strings.Split(string(p), "/")
	dir := f.root
	for _, name := range names[:len(names)-1] {
		kid := dir.kids[name]
		if kid == nil || !kid.isDir() {
			break
		}
		dir = kid
	}
	return dir
}

// claim is what a SyncSeen said to be on stable storage, as of its beginning.
type claim struct {
	at    int64
	stamp index.Stamp
}

func (d *Disk) claim(x vfs.Seen, at int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := string(x.Path)
	d.claims[p] = append(d.claims[p], claim{at, x.Stamp})
}

// Claimed returns when what this stamp says was given to SyncSeen the last
// time. A rename of the daemon's own may have changed its ctime since.
func (d *Disk) Claimed(path string, was index.Stamp) (at int64, ok bool) {
	return d.claimed(path, func(c index.Stamp) bool {
		c.Ctime = was.Ctime
		return c == was
	})
}

// ClaimedLast is Claimed of whatever was there.
func (d *Disk) ClaimedLast(path string) (at int64, ok bool) {
	return d.claimed(path, func(c index.Stamp) bool { return c != index.Stamp{} })
}

func (d *Disk) claimed(path string, is func(index.Stamp) bool) (at int64, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.claims[path] {
		if is(c.stamp) {
			at, ok = c.at, true
		}
	}
	return at, ok
}
