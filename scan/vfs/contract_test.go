package vfs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"duet/scan/vfs"
	"duet/scan/vfs/vfstest"
)

// kernels are the ways in which a tree can work, by what is missing.
var kernels = map[string][]string{
	"all":       nil,
	"openat2":   {"openat2"},
	"statx":     {"openat2", "statx"},
	"renames":   {"noreplace", "exchange"},
	"exchange":  {"exchange"},
	"hardlinks": {"noreplace", "exchange", "links"},
}

// TestContract holds the tree against vfstest, on the disk of the temporary
// directory and on tmpfs.
func TestContract(t *testing.T) {
	for where, dir := range disks(t) {
		for without, missing := range kernels {
			if where == "temp" && len(missing) == 1 && len(disks(t)) > 1 {
				continue // tmpfs tells as much, and is faster
			}
			t.Run(where+"/without-"+without, func(t *testing.T) { contract(t, dir, missing) })
		}
	}
}

// contract holds trees in dir against vfstest.
func contract(t *testing.T, dir string, missing []string) {
	vfstest.Test(t, func(t *testing.T) vfstest.World {
		root := filepath.Join(subdir(t, dir), "root")
		must(t, os.Mkdir(root, 0o755))
		tree, err := vfs.OpenWithout(root, vfs.Options{}, missing...)
		must(t, err)
		t.Cleanup(func() { tree.Close() })
		return vfstest.World{Files: tree, Outside: vfstest.Disk(root)}
	})
}

// disks returns a directory on each kind of filesystem at hand.
func disks(t *testing.T) map[string]string {
	out := map[string]string{"temp": t.TempDir()}
	var sf unix.Statfs_t
	if err := unix.Statfs("/dev/shm", &sf); err != nil || sf.Type != unix.TMPFS_MAGIC {
		return out
	}
	dir, err := os.MkdirTemp("/dev/shm", "vfs")
	if err != nil {
		return out
	}
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	out["tmpfs"] = dir
	return out
}

// subdir makes a new directory in dir for one test.
func subdir(t *testing.T, dir string) string {
	t.Helper()
	sub, err := os.MkdirTemp(dir, strings.NewReplacer("/", "-").Replace(t.Name()[:min(len(t.Name()), 3)]))
	must(t, err)
	return sub
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
