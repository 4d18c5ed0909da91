package recovery

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duet/scan/vfs"
	"duet/store"
)

func TestCheckRoot(t *testing.T) {
	top := t.TempDir()
	root := filepath.Join(top, "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	files, err := vfs.Open(root, vfs.Options{Holding: filepath.Join(top, "held")})
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	known := store.Meta{Root: files.Opened()}
	other := known
	other.Root.Ino++
	expect := func(meta store.Meta, want error) {
		t.Helper()
		err := CheckRoot(meta, files)
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
		if want != nil && !strings.Contains(err.Error(), "bring") {
			t.Errorf("%q does not say what to do", err)
		}
	}
	expect(store.Meta{}, nil)
	expect(known, nil)
	expect(other, ErrRootReplaced)
	moved := known
	moved.Root.Dev++ // another number after a reboot
	expect(moved, nil)
	moved.Root.Fsid++
	expect(moved, ErrRootReplaced)

	if err := os.Rename(root, root+".away"); err != nil {
		t.Fatal(err)
	}
	expect(known, ErrRootMissing)
	expect(store.Meta{}, ErrRootMissing)
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	expect(known, ErrRootReplaced)
	expect(store.Meta{}, ErrRootReplaced) // replaced while it is open
	if err := errors.Join(os.Remove(root), os.Rename(root+".away", root)); err != nil {
		t.Fatal(err)
	}
	expect(known, nil)
}
