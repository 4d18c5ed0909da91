package memfs_test

import (
	"testing"

	"duet/integration/sim/memfs"
	"duet/scan/vfs/vfstest"
)

func TestContract(t *testing.T) {
	vfstest.Test(t, func(t *testing.T) vfstest.World {
		d := memfs.New()
		return vfstest.World{Files: d.Open(nil), Outside: memfs.People{D: d}}
	})
}
