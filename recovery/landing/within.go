package landing

import (
	"path/filepath"

	"duet/scan/vfs"
)

// Within returns Env.Inside for a real tree.
func Within(t *vfs.Tree) func(vfs.Held) (vfs.Files, error) {
	return func(h vfs.Held) (vfs.Files, error) {
		dir := filepath.Join(t.Holding(), string(h.Area), h.Name)
		return vfs.Open(dir, vfs.Options{Holding: t.Holding()})
	}
}
