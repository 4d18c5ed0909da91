package replicate_test

import (
	"io/fs"
	"path/filepath"
	"syscall"

	"duet/store"
	"duet/store/index"
)

// noticed waits until both nodes have looked at all that was done.
func (p *pair) noticed() {
	p.t.Helper()
	p.until("all to be noticed", func() bool { return p.a.sees() && p.b.sees() })
}

// sees reports whether n's index is as its tree.
func (n *node) sees() bool {
	n.t.Helper()
	tree := map[index.Path]syscall.Stat_t{}
	if err := filepath.WalkDir(n.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == n.root {
			return err
		}
		rel, err := filepath.Rel(n.root, path)
		if err != nil {
			return err
		}
		var st syscall.Stat_t
		if err := syscall.Lstat(path, &st); err != nil {
			return err
		}
		tree[index.Path(rel)] = st
		return nil
	}); err != nil {
		return false // it is changing
	}
	same := true
	n.view(func(tx *store.Tx) error {
		for r, err := range tx.Under(index.Root) {
			if err != nil {
				return err
			}
			if r.Path == index.Root || !r.Ours.Live() {
				continue
			}
			st, ok := tree[r.Path]
			same = same && ok && r.Stamp.Ino == st.Ino && r.Stamp.Mode == st.Mode && r.Stamp.UID == st.Uid && r.Stamp.GID == st.Gid
			if r.Ours.Kind != index.Dir {
				same = same && r.Stamp.Size == st.Size && r.Stamp.ModTime == st.Mtim.Nano() && r.Stamp.Ctime == st.Ctim.Nano()
			}
			delete(tree, r.Path)
		}
		return nil
	})
	return same && len(tree) == 0
}
