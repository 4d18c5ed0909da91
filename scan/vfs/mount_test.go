package vfs_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"duet/scan/vfs"
	"duet/store/index"
)

// TestMounts is of what is mounted in a share.
func TestMounts(t *testing.T) {
	if inOwnMounts(t) {
		t.Run("Below", mountsBelow)
		t.Run("HoldingOfMountedRoot", holdingOfMountedRoot)
		t.Run("RemoveHeld", removeHeldMount)
	}
}

// inOwnMounts runs a test again in a process with a mount namespace of its own,
// where it may mount what it likes, and reports whether this is that process.
func inOwnMounts(t *testing.T) bool {
	const inside = "DUET_TEST_MOUNTS"
	if os.Getenv(inside) == t.Name() {
		must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), inside+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EINVAL) {
		cannot(t, "no mount namespace for this user: %v", err)
	}
	t.Logf("%s", out)
	must(t, err)
	return false
}

// cannot skips a test that cannot run on this host. On a CI host that is an
// error: nobody would notice that it never runs.
func cannot(t *testing.T, why string, args ...any) {
	t.Helper()
	if os.Getenv("DUET_CI") == "1" {
		t.Fatalf(why, args...)
	}
	t.Skipf(why, args...)
}

func bind(t *testing.T, from, to string) {
	t.Helper()
	must(t, unix.Mount(from, to, "", unix.MS_BIND, ""))
	t.Cleanup(func() { must(t, unix.Unmount(to, unix.MNT_DETACH)) })
}

func tmpfs(t *testing.T, at string) {
	t.Helper()
	must(t, unix.Mount("tmpfs", at, "tmpfs", 0, "mode=755"))
	t.Cleanup(func() { must(t, unix.Unmount(at, unix.MNT_DETACH)) })
}

func mountsBelow(t *testing.T) {
	base := t.TempDir()
	root := filepath.Join(base, "root")
	for _, d := range []string{"root/tmpfs", "root/bind", "root/d/deep", "elsewhere/sub"} {
		must(t, os.MkdirAll(filepath.Join(base, d), 0o755))
	}
	write(t, filepath.Join(root, "boundfile"), "below")
	write(t, filepath.Join(root, "have"), "have")
	write(t, filepath.Join(base, "elsewhere/f"), "canary")
	tmpfs(t, filepath.Join(root, "tmpfs"))
	must(t, os.Mkdir(filepath.Join(root, "tmpfs/sub"), 0o755))
	write(t, filepath.Join(root, "tmpfs/f"), "canary")
	tmpfs(t, filepath.Join(root, "d/deep"))
	must(t, os.Mkdir(filepath.Join(root, "d/deep/sub"), 0o755))
	write(t, filepath.Join(root, "d/deep/f"), "canary")
	bind(t, filepath.Join(base, "elsewhere"), filepath.Join(root, "bind"))
	bind(t, filepath.Join(base, "elsewhere/f"), filepath.Join(root, "boundfile"))
	before := picture(t, root)

	for _, without := range []string{"all", "openat2"} {
		t.Run("without-"+without, func(t *testing.T) {
			tree := openTree(t, root, vfs.Options{Holding: filepath.Join(base, "held")}, kernels[without]...)
			for _, p := range []index.Path{"tmpfs", "bind", "d/deep", "boundfile"} {
				if info, err := tree.Lstat(p); err != nil || !info.Mount {
					t.Errorf("lstat %v: %+v, %v; want a mount point", p, info, err)
				}
				mounted(t, tree, p, p == "boundfile")
				if p != "boundfile" {
					_, err := tree.Lstat(p + "/f")
					wants(t, "lstat below "+string(p), err, vfs.ErrMount, string(p))
					for _, q := range []index.Path{p + "/f", p + "/sub", p + "/new", p + "/sub/new"} {
						mounted(t, tree, q, true)
						mounted(t, tree, q, false)
					}
				}
			}
			if info, err := tree.Lstat("d"); err != nil || info.Mount {
				t.Errorf("a directory around a mount point: %+v, %v", info, err)
			}
		})
	}
	if after := picture(t, root); after != before {
		t.Errorf("there was\n%s\nnow\n%s", before, after)
	}
}

// mounted tries every operation on a path that is, or is below, a mount point.
func mounted(t *testing.T, tree *vfs.Tree, p index.Path, file bool) {
	t.Helper()
	give, kept := stage(t, tree, "give", "x"), vfs.Held{Area: vfs.Kept, Name: "out"}
	errs := map[string]error{
		"swap":      tree.Swap(give, p),
		"shelve":    tree.Shelve(p, kept),
		"move from": tree.Move(p, "moved"),
	}
	if file {
		_, errs["open"] = tree.Open(p)
		_, errs["snapshot"] = tree.Snapshot(p, give)
		_, errs["set metadata"] = tree.SetMeta(p, vfs.Meta{Mode: 0o777, UID: -1, GID: -1}, index.Stamp{})
	} else {
		_, errs["open directory"] = tree.OpenDir(p)
		errs["remove directory"] = tree.Rmdir(p)
		errs["sync"] = tree.SyncDirs([]index.Path{p})
	}
	for what, err := range errs {
		wants(t, what+" "+string(p), err, vfs.ErrMount, "")
	}
	if err := tree.Place(give, p); !errors.Is(err, vfs.ErrMount) && !errors.Is(err, fs.ErrExist) {
		t.Errorf("place at %v: %v", p, err)
	}
	if err := tree.Move("have", p); !errors.Is(err, vfs.ErrMount) && !errors.Is(err, fs.ErrExist) {
		t.Errorf("move to %v: %v", p, err)
	}
}

// holdingOfMountedRoot: beside a mount point is another mount, even if it is
// the same filesystem, and files cannot be renamed between the two.
func holdingOfMountedRoot(t *testing.T) {
	base := t.TempDir()
	for _, d := range []string{"bound", "mounted", "source"} {
		must(t, os.MkdirAll(filepath.Join(base, d), 0o755))
	}
	bind(t, filepath.Join(base, "source"), filepath.Join(base, "bound"))
	tmpfs(t, filepath.Join(base, "mounted"))
	for _, name := range []string{"bound", "mounted"} {
		root := filepath.Join(base, name)
		tree := openTree(t, root, vfs.Options{})
		if tree.Holding() != filepath.Join(root, ".duet") || !tree.HoldingInside() {
			t.Errorf("%s: holding area %s, inside %v", name, tree.Holding(), tree.HoldingInside())
		}
		must(t, tree.Place(stage(t, tree, "f", "f"), "f"))
		must(t, tree.SyncDirs([]index.Path{index.Root}))
		if info, err := tree.Lstat(index.Root); err != nil || info.Mount {
			t.Errorf("%s: the root: %+v, %v", name, info, err)
		}
		if _, err := os.Lstat(filepath.Join(base, ".duet-"+name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: something was made beside it: %v", name, err)
		}
		_, err := vfs.Open(root, vfs.Options{Holding: filepath.Join(base, "held")})
		wants(t, name, err, nil, "is not on the filesystem and mount of the root")
	}
}

// removeHeldMount: what is mounted in a directory that was shelved went along
// with it, and is not the directory's to destroy.
func removeHeldMount(t *testing.T) {
	tree, root := newTree(t)
	at := filepath.Join(root, "d/m")
	must(t, os.MkdirAll(at, 0o755))
	must(t, unix.Mount("tmpfs", at, "tmpfs", 0, "mode=755"))
	write(t, filepath.Join(at, "f"), "canary")
	h := vfs.Held{Area: vfs.Kept, Name: "d"}
	must(t, tree.Shelve("d", h))
	at = filepath.Join(tree.Holding(), "kept/d/m")
	defer func() { must(t, unix.Unmount(at, unix.MNT_DETACH)) }()
	wants(t, "remove", tree.RemoveHeld(h), vfs.ErrMount, "m")
	if b, err := os.ReadFile(filepath.Join(at, "f")); err != nil || string(b) != "canary" {
		t.Errorf("what was mounted: %q, %v", b, err)
	}
}
