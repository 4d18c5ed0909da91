package vfs

import (
	"io"
	"os"
	"path/filepath"
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
