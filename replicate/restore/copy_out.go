package restore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"duet/scan/vfs"
	"duet/store/index"
)

// CopyOut writes a kept file or symlink to a place outside the share, at which
// nothing is, or into a directory. What could not be written whole is removed.
func CopyOut(files vfs.Files, k *index.Kept, to string) error {
	if info, err := os.Stat(to); err == nil && info.IsDir() {
		to = filepath.Join(to, k.Path.Leaf())
	}
	var err error
	switch {
	case k.Entry.Kind == index.Symlink:
		err = os.Symlink(k.Entry.Target, to)
	case k.Entry.Kind == index.File && k.Held != "":
		err = copyFile(files, k, to)
	default:
		err = fmt.Errorf("it was a %v: there is nothing to copy out", k.Entry.Kind)
	}
	if errors.Is(err, fs.ErrExist) {
		err = fmt.Errorf("%s is there already: name another file, or a directory", to)
	}
	if err != nil {
		return fmt.Errorf("copy kept version %d of %v out: %w", k.ID, k.Path, err)
	}
	return nil
}

func copyFile(files vfs.Files, k *index.Kept, to string) error {
	in, err := files.OpenHeld(vfs.Held{Area: vfs.Kept, Name: k.Held})
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fs.FileMode(k.Entry.Mode)&0o777)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	err = errors.Join(err, out.Sync(), out.Close())
	if err == nil {
		t := time.Unix(0, k.Entry.ModTime)
		err = os.Chtimes(to, t, t)
	}
	if err != nil {
		return errors.Join(err, os.Remove(to))
	}
	return nil
}
