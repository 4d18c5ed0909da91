package memfs_test

import (
	"testing"

	"duet/integration/sim/memfs"
	"duet/scan/vfs/vfstest"
)

// TestPower: whatever the disk in memory draws, what must survive a power
// failure does.
func TestPower(t *testing.T) {
	for _, b := range vfstest.Blackouts() {
		t.Run(b.Name, func(t *testing.T) {
			pictures := map[string]bool{}
			runs := 0
			memfs.EachCrash(func(draw func(n int) int) {
				d := memfs.New()
				w := vfstest.World{Files: d.Open(nil), Outside: memfs.People{D: d}}
				b.Do(t, w)
				w.Files.Close()
				d.Crash(draw)
				w.Files = d.Open(nil)
				pictures[b.Left(t, w)] = true
				runs++
			})
			t.Logf("%d outcomes of %d crashes", len(pictures), runs)
		})
	}
}
