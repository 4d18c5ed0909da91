package vfs_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"duet/scan/vfs"
	"duet/store/index"
)

// newTree opens a new directory as a tree, and returns its path too.
func newTree(t testing.TB) (*vfs.Tree, string) {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	must(t, os.Mkdir(root, 0o755))
	return openTree(t, root, vfs.Options{}), root
}

func openTree(t testing.TB, root string, o vfs.Options, missing ...string) *vfs.Tree {
	t.Helper()
	tree, err := vfs.OpenWithout(root, o, missing...)
	must(t, err)
	t.Cleanup(func() { must(t, tree.Close()) })
	return tree
}

func write(t testing.TB, path, content string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(content), 0o644))
}

func stage(t testing.TB, f vfs.Files, name, content string) vfs.Held {
	t.Helper()
	h := vfs.Held{Area: vfs.Stage, Name: name}
	d, err := f.Create(h)
	must(t, err)
	_, err = io.WriteString(d, content)
	must(t, errors.Join(err, d.Close()))
	return h
}

func readHeld(t testing.TB, f vfs.Files, h vfs.Held) []byte {
	t.Helper()
	c, err := f.OpenHeld(h)
	must(t, err)
	b, err := io.ReadAll(c)
	must(t, errors.Join(err, c.Close()))
	return b
}

// wants fails the test unless err is want and its text holds text.
func wants(t *testing.T, what string, err, want error, text string) {
	t.Helper()
	if err == nil || want != nil && !errors.Is(err, want) || !strings.Contains(err.Error(), text) {
		t.Errorf("%s: got error %v, want %v with %q", what, err, want, text)
	}
	if want != fs.ErrNotExist && errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: %v says that something is not there", what, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), "x")
	_, err := vfs.Open(filepath.Join(dir, "none"), vfs.Options{})
	wants(t, "missing root", err, fs.ErrNotExist, "none")
	_, err = vfs.Open(filepath.Join(dir, "file"), vfs.Options{})
	wants(t, "file as root", err, unix.ENOTDIR, "file")
}

// TestRootRemoved: when the root itself goes, nothing in it is absent.
func TestRootRemoved(t *testing.T) {
	tree, root := newTree(t)
	must(t, os.Mkdir(filepath.Join(root, "d"), 0o755))
	dir, err := tree.OpenDir("d")
	must(t, err)
	defer dir.Close()
	must(t, os.RemoveAll(root))
	_, err = tree.Lstat("file")
	wants(t, "lstat", err, nil, "root directory of the share was removed")
	_, err = tree.Lstat("d/file")
	wants(t, "lstat deeper", err, nil, "root directory of the share was removed")
	_, err = tree.OpenDir("d")
	wants(t, "open directory", err, nil, "was removed")
	wants(t, "place", tree.Place(stage(t, tree, "x", "x"), "file"), nil, "was removed")
	_, err = tree.Identity()
	wants(t, "identity", err, fs.ErrNotExist, root)

	root2 := t.TempDir()
	tree = openTree(t, root2, vfs.Options{})
	open, err := tree.OpenDir(index.Root)
	must(t, err)
	defer open.Close()
	must(t, os.RemoveAll(root2))
	_, err = open.Names()
	wants(t, "list the removed root", err, nil, "was removed")
	_, err = open.Lstat("x")
	wants(t, "lstat in the removed root", err, nil, "was removed")
}

func TestRootReplaced(t *testing.T) {
	tree, root := newTree(t)
	write(t, filepath.Join(root, "f"), "f")
	must(t, os.Rename(root, root+".away"))
	must(t, os.Mkdir(root, 0o755))
	now, err := tree.Identity()
	must(t, err)
	if now.Same(tree.Opened()) {
		t.Error("another directory at the path of the root is taken for the root")
	}
	if _, err := tree.Lstat("f"); err != nil {
		t.Errorf("the tree does not hold on to the directory that it opened: %v", err)
	}
}

func TestHoldingRemoved(t *testing.T) {
	tree, root := newTree(t)
	write(t, filepath.Join(root, "f"), "f")
	must(t, os.RemoveAll(tree.Holding()))
	h := vfs.Held{Area: vfs.Kept, Name: "x"}
	_, err := tree.LstatHeld(h)
	wants(t, "lstat", err, nil, "holding area")
	_, err = tree.Create(h)
	wants(t, "create", err, nil, "holding area")
	wants(t, "shelve", tree.Shelve("f", h), nil, "holding area")
	_, err = tree.Snapshot("f", h)
	wants(t, "snapshot", err, nil, "holding area")
	if _, err := tree.Lstat("none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the tree itself is all there, but: %v", err)
	}
}

// TestUnreadable: what may not be looked at is not absent.
func TestUnreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may look at everything")
	}
	tree, root := newTree(t)
	must(t, os.MkdirAll(filepath.Join(root, "d/sub"), 0o755))
	must(t, os.Chmod(filepath.Join(root, "d"), 0o300))
	_, err := tree.OpenDir("d")
	wants(t, "open directory", err, fs.ErrPermission, "d")
	must(t, tree.SyncDirs([]index.Path{"d"}))
	must(t, os.Chmod(filepath.Join(root, "d"), 0))
	defer os.Chmod(filepath.Join(root, "d"), 0o755)
	for _, p := range []index.Path{"d/sub", "d/sub/x", "d/none"} {
		_, err := tree.Lstat(p)
		wants(t, "lstat", err, fs.ErrPermission, "d")
	}
}

func TestDegraded(t *testing.T) {
	tree, root := newTree(t)
	if got := tree.Degraded(); got != nil {
		t.Logf("this machine: %q", got)
	}
	tree = openTree(t, root, vfs.Options{}, "openat2", "statx", "noreplace", "exchange")
	got := strings.Join(tree.Degraded(), "\n")
	for _, want := range []string{"openat2", "statx", "RENAME_NOREPLACE", "RENAME_EXCHANGE"} {
		if !strings.Contains(got, want) {
			t.Errorf("degraded says %q, nothing of %s", got, want)
		}
	}
}

// TestProbesLeaveNothing: Open tries renames in the stage, also where a crash
// left what an earlier one tried.
func TestProbesLeaveNothing(t *testing.T) {
	tree, root := newTree(t)
	stageDir := filepath.Join(tree.Holding(), "stage")
	write(t, filepath.Join(stageDir, ".probe-left"), "")
	stage(t, tree, "mine", "mine")
	if names, err := tree.HeldNames(vfs.Stage); err != nil || len(names) != 1 {
		t.Errorf("by name: %v, %v", names, err)
	}
	if infos, err := tree.ListHeld(vfs.Stage); err != nil || len(infos) != 1 {
		t.Errorf("listed %+v, %v", infos, err)
	}
	openTree(t, root, vfs.Options{})
	entries, err := os.ReadDir(stageDir)
	must(t, err)
	if len(entries) != 1 || entries[0].Name() != "mine" {
		t.Errorf("in the stage: %v", entries)
	}
}

// TestLeaseBreak: whoever wants to write while a lease is held makes the
// kernel send SIGIO, whose default action would end the process.
func TestLeaseBreak(t *testing.T) {
	tree, root := newTree(t)
	path := filepath.Join(root, "f")
	write(t, path, "f")
	c, err := tree.Open("f")
	must(t, err)
	defer c.Close()
	if err := vfs.Lease(c); err != nil {
		t.Skipf("no leases here: %v", err)
	}
	for range 100 {
		fd, err := unix.Open(path, unix.O_WRONLY|unix.O_NONBLOCK, 0)
		if err != unix.EAGAIN {
			t.Fatalf("open for writing under a lease: %d, %v", fd, err)
		}
		if writers, _ := c.Writers(); writers {
			t.Fatal("one that was turned away counts as a writer")
		}
		must(t, vfs.Lease(c))
	}
	vfs.Unlease(c)
	write(t, path, "g")
}

func TestSnapshotOfHoles(t *testing.T) {
	for where, dir := range disks(t) {
		t.Run(where, func(t *testing.T) {
			root := filepath.Join(subdir(t, dir), "root")
			must(t, os.Mkdir(root, 0o755))
			tree := openTree(t, root, vfs.Options{})
			f, err := os.Create(filepath.Join(root, "f"))
			must(t, err)
			want := bytes.Repeat([]byte("data"), 20_000)
			_, err = f.WriteAt(want, 32<<20)
			must(t, errors.Join(err, f.Truncate(64<<20), f.Close()))
			h := vfs.Held{Area: vfs.Stage, Name: "s"}
			stamp, err := tree.Snapshot("f", h)
			must(t, err)
			got := readHeld(t, tree, h)
			if stamp.Size != 64<<20 || len(got) != 64<<20 {
				t.Fatalf("size %d, stamp %+v", len(got), stamp)
			}
			if !bytes.Equal(got[32<<20:32<<20+len(want)], want) || len(bytes.Trim(got, "\x00")) != len(want) {
				t.Error("the content differs")
			}
			var of, copied unix.Stat_t
			must(t, unix.Stat(filepath.Join(root, "f"), &of))
			must(t, unix.Stat(filepath.Join(tree.Holding(), "stage/s"), &copied))
			if copied.Blocks > of.Blocks+256 {
				t.Errorf("the copy takes %d blocks, the original %d", copied.Blocks, of.Blocks)
			}
		})
	}
}

// TestOwner: a change of owner comes before the mode, which it would clear.
func TestOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may give files away")
	}
	tree, root := newTree(t)
	m := vfs.Meta{Mode: 0o6755, ModTime: 1e18, UID: 12345, GID: 54321}
	check := func(what string, s index.Stamp, err error, mode uint32) {
		t.Helper()
		if err != nil || s.UID != 12345 || s.GID != 54321 || s.Mode != mode {
			t.Errorf("%s: %+v, %v", what, s, err)
		}
	}
	write(t, filepath.Join(root, "f"), "f")
	info, err := tree.Lstat("f")
	must(t, err)
	s, err := tree.SetMeta("f", m, info.Stamp)
	check("file", s, err, 0o106755)
	d, err := tree.Create(vfs.Held{Area: vfs.Stage, Name: "f"})
	must(t, err)
	s, err = d.Finish(m)
	check("draft", s, err, 0o106755)
	must(t, d.Close())
	s, err = tree.StageDir(vfs.Held{Area: vfs.Stage, Name: "d"}, m)
	check("directory", s, err, 0o46755)
	s, err = tree.StageLink(vfs.Held{Area: vfs.Stage, Name: "l"}, "f", m)
	check("symlink", s, err, 0o120777)
	must(t, os.Chown(filepath.Join(root, "f"), 0, 0))
	must(t, unix.Chmod(filepath.Join(root, "f"), 0o6755))
	info, err = tree.Lstat("f")
	must(t, err)
	got, err := tree.SetMeta("f", m, info.Stamp)
	check("file that had the mode before", got, err, 0o106755)
	m.UID, m.GID = -1, -1
	_, err = tree.SetMeta("f", m, s)
	wants(t, "unexpected", err, vfs.ErrChanged, "f")
	m.UID = 1<<32 - 1
	info, err = tree.Lstat("f")
	must(t, err)
	_, err = tree.SetMeta("f", m, info.Stamp)
	wants(t, "no such user", err, nil, "no such user")
	if after, err := tree.Lstat("f"); err != nil || after != info {
		t.Errorf("after a refusal: %+v, %v", after, err)
	}
}

// TestEpoch: to the disk, a file of 1970 is of 1970.
func TestEpoch(t *testing.T) {
	tree, root := newTree(t)
	write(t, filepath.Join(root, "f"), "f")
	info, err := tree.Lstat("f")
	must(t, err)
	if _, err := tree.SetMeta("f", vfs.Meta{Mode: 0o644, ModTime: 1, UID: -1, GID: -1}, info.Stamp); err != nil {
		t.Fatal(err)
	}
	got, err := os.Stat(filepath.Join(root, "f"))
	must(t, err)
	if got.ModTime().UnixNano() != 0 {
		t.Errorf("on disk it is of %v", got.ModTime())
	}
}

// TestAppendToLinked: a crash between the two halves of a rename by hard link
// leaves a staged name that is a file of the tree.
func TestAppendToLinked(t *testing.T) {
	tree, root := newTree(t)
	h := stage(t, tree, "f", "served")
	must(t, os.Link(filepath.Join(tree.Holding(), "stage/f"), filepath.Join(root, "f")))
	d, err := tree.Append(h)
	must(t, err)
	_, err = io.WriteString(d, "more")
	must(t, errors.Join(err, d.Close()))
	if b, err := os.ReadFile(filepath.Join(root, "f")); err != nil || string(b) != "served" {
		t.Errorf("the file in the tree holds %q, %v", b, err)
	}
}

// TestFifoIsLeftAlone: to open a FIFO, even to close it at once, lets the
// process at its other end go on.
func TestFifoIsLeftAlone(t *testing.T) {
	tree, root := newTree(t)
	path := filepath.Join(root, "fifo")
	must(t, unix.Mkfifo(path, 0o600))
	watch, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	must(t, err)
	defer unix.Close(watch)
	_, err = unix.InotifyAddWatch(watch, path, unix.IN_OPEN)
	must(t, err)
	_, err = tree.Open("fifo")
	wants(t, "open", err, vfs.ErrSpecial, "fifo")
	_, err = tree.SetMeta("fifo", vfs.Meta{ModTime: 1e18, UID: -1, GID: -1}, index.Stamp{})
	wants(t, "set metadata", err, vfs.ErrSpecial, "fifo")
	if n, err := unix.Read(watch, make([]byte, 1024)); err != unix.EAGAIN {
		t.Errorf("it was opened: %d bytes of events, %v", n, err)
	}
}
