package integration

import (
	"os"
	"testing"

	"duet/integration/rig"
)

// Daemons that are not root change what is in directories that shut their owner
// out, and leave them so; a kill at any moment makes no edit of that.
func TestReadOnlyDirectories(t *testing.T) {
	rig.NeedRoot(t)
	t.Parallel()
	p := rig.NewPair(t, rig.Options{User: rig.Nobody, Share: anyDeletes})
	uid := int(rig.Nobody.UID)
	shut := func(dirs ...string) {
		for _, d := range dirs {
			must(t, os.MkdirAll(p.A.At(d), 0o755))
			must(t, os.Chown(p.A.At(d), uid, uid))
		}
		for _, d := range dirs {
			must(t, os.Chmod(p.A.At(d), 0o555))
		}
	}
	put := func(name, content string) {
		write(t, p.A.At(name), content)
		must(t, os.Chown(p.A.At(name), uid, uid))
	}
	shut("ro", "ro/deep")
	put("ro/file", "1")
	put("ro/deep/file", "1")
	p.Start()
	p.Settle(patience)
	for i := range rig.Size(4, 30) {
		put("ro/deep/file", string(rune('a'+i)))
		put("ro/new", string(rune('a'+i)))
		if i%2 == 1 {
			must(t, os.Remove(p.A.At("ro/file")))
			p.B.Kill()
			p.B.Start()
		} else {
			put("ro/file", "again")
		}
		p.Settle(patience) // modes and all
		for _, n := range p.Nodes() {
			for _, d := range []string{"ro", "ro/deep"} {
				n.Await(patience, "shut again", func(rig.ShareStatus) bool {
					st, err := os.Stat(n.At(d))
					return err == nil && st.Mode().Perm() == 0o555
				})
			}
		}
	}
	p.CheckIndexes()
}
