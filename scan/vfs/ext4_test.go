package vfs_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"duet/integration/sim/memfs"
	"duet/scan/vfs"
	"duet/scan/vfs/vfstest"
)

// ext4 is an ext4 filesystem in a file, mounted.
type ext4 struct {
	image, dir string
}

// newExt4 makes one. It needs root, and is to be called in a mount namespace of
// the test's own, see inOwnMounts.
func newExt4(t *testing.T) ext4 {
	t.Helper()
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	x := ext4{filepath.Join(t.TempDir(), "image"), t.TempDir()}
	f, err := os.Create(x.image)
	must(t, err)
	must(t, f.Truncate(64<<20))
	must(t, f.Close())
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", "-b", "4096", x.image).CombinedOutput(); err != nil {
		cannot(t, "mkfs.ext4: %v: %s", err, out)
	}
	x.mount(t)
	t.Cleanup(func() { unix.Unmount(x.dir, unix.MNT_DETACH) }) //nolint:errcheck // the namespace ends anyway
	return x
}

func (x ext4) mount(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("mount", "-t", "ext4", "-o", "loop", x.image, x.dir).CombinedOutput(); err != nil {
		cannot(t, "mount: %v: %s", err, out)
	}
}

// How a filesystem goes down, from fs/ext4/ext4.h (and the same for XFS).
const (
	shutDown  = 0x8004587d // _IOR('X', 125, __u32)
	withLog   = 1          // the journal is written first
	withNoLog = 2          // nothing is
)

// fail cuts the filesystem off its disk, as a power failure does, and mounts
// what is on that.
func (x ext4) fail(t *testing.T, how int) {
	t.Helper()
	f, err := os.Open(x.dir)
	must(t, err)
	must(t, unix.IoctlSetPointerInt(int(f.Fd()), shutDown, how))
	must(t, f.Close())
	must(t, unix.Unmount(x.dir, 0))
	x.mount(t)
}

// rootOnly skips a test that mounts devices.
func rootOnly(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		cannot(t, "only root may mount an image")
	}
}

// TestContractExt4 is TestContract on a filesystem that most servers have,
// whatever the temporary directory of this host is on.
func TestContractExt4(t *testing.T) {
	rootOnly(t)
	if !inOwnMounts(t) {
		return
	}
	x := newExt4(t)
	for _, without := range []string{"all", "openat2", "renames"} {
		t.Run("without-"+without, func(t *testing.T) { contract(t, x.dir, kernels[without]) })
	}
}

// TestPower: what was synced is there after a power failure, and the disk in
// memory can lose whatever a real one loses.
func TestPower(t *testing.T) {
	rootOnly(t)
	if !inOwnMounts(t) {
		return
	}
	x := newExt4(t)
	for i, b := range vfstest.Blackouts() {
		possible := pictures(t, b)
		for how, flag := range map[string]int{"at once": withNoLog, "after the journal": withLog} {
			t.Run(b.Name+", "+how, func(t *testing.T) {
				root := filepath.Join(x.dir, fmt.Sprintf("%d-%d", i, flag), "root")
				must(t, os.MkdirAll(root, 0o755))
				tree, err := vfs.Open(root, vfs.Options{})
				must(t, err)
				unix.Sync()
				w := vfstest.World{Files: tree, Outside: vfstest.Disk(root)}
				b.Do(t, w)
				must(t, tree.Close())
				x.fail(t, flag)
				tree, err = vfs.Open(root, vfs.Options{})
				must(t, err)
				defer tree.Close()
				w.Files = tree
				if got := b.Left(t, w); !slices.Contains(possible, got) {
					t.Errorf("left is what the disk in memory never leaves:\n%s\nbut\n%s", got, strings.Join(possible, "\nor\n"))
				}
			})
		}
	}
}

// pictures are all that the disk in memory may leave after a story.
func pictures(t *testing.T, b vfstest.Blackout) (out []string) {
	memfs.EachCrash(func(draw func(n int) int) {
		d := memfs.New()
		w := vfstest.World{Files: d.Open(nil), Outside: memfs.People{D: d}}
		b.Do(t, w)
		d.Crash(draw)
		w.Files = d.Open(nil)
		if p := b.Left(t, w); !slices.Contains(out, p) {
			out = append(out, p)
		}
	})
	return out
}
