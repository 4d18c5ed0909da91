package vfs

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// To look at a file, or at a directory, is not to use it: no inode has to be written,
// and whoever goes by times of access is not misled.
func TestReadingLeavesTheTimeOfAccess(t *testing.T) {
	root := t.TempDir()
	tree, err := Open(root, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	long := time.Now().Add(-100 * time.Hour)
	for _, p := range []string{"d", "d/f"} {
		at := filepath.Join(root, p)
		if p == "d" {
			err = os.Mkdir(at, 0o755)
		} else {
			err = os.WriteFile(at, []byte("x"), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []string{"d", "d/f"} { // the next read would be noted, also on a filesystem that notes few
		if err := os.Chtimes(filepath.Join(root, p), long, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	d, err := tree.OpenDir("d")
	if err != nil {
		t.Fatal(err)
	}
	if names, err := d.Names(); err != nil || len(names) != 1 {
		t.Fatalf("names %v, %v", names, err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := tree.Open("d/f")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(f); err != nil || string(b) != "x" {
		t.Fatalf("%q, %v", b, err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"d", "d/f"} {
		info, err := os.Lstat(filepath.Join(root, p))
		if err != nil {
			t.Fatal(err)
		}
		at := info.Sys().(*syscall.Stat_t).Atim
		if got := time.Unix(at.Unix()); !got.Equal(long.Truncate(0)) {
			t.Errorf("%s was last used at %v, want %v", p, got, long)
		}
	}
}

const foreignRoot = "DUET_TEST_FOREIGN_ROOT"

// What belongs to somebody else can be read all the same, and then that is noted.
func TestReadsWhatIsNotItsOwn(t *testing.T) {
	root := os.Getenv(foreignRoot)
	if root == "" {
		if os.Getuid() != 0 {
			t.Skip("only root can make a file of somebody else's")
		}
		dir, err := os.MkdirTemp("", "foreign")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		if err := errors.Join(os.Chown(dir, 65534, 65534), os.WriteFile(filepath.Join(dir, "f"), []byte("x"), 0o644)); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("/proc/self/exe", "-test.run", "^TestReadsWhatIsNotItsOwn$", "-test.v")
		cmd.Dir, cmd.Env = "/", append(os.Environ(), foreignRoot+"="+dir)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestReadsWhatIsNotItsOwn") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	tree, err := Open(root, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	f, err := tree.Open("f")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if b, err := io.ReadAll(f); err != nil || string(b) != "x" {
		t.Errorf("%q, %v", b, err)
	}
}
