package landing

import (
	"errors"
	"io/fs"

	"golang.org/x/sync/errgroup"

	"duet/scan/vfs"
	"duet/store/index"
)

// syncs is how many files are synced at once; see vfs.Files.SyncDirs.
const syncs = 16

// SyncFiles puts the metadata of files on stable storage that was set in
// place. What cannot be opened is left to the kernel: the next look at it after
// a power failure may then find the metadata that it had before.
func SyncFiles(files vfs.Files, paths []index.Path) error {
	var g errgroup.Group
	g.SetLimit(syncs)
	for _, p := range paths {
		g.Go(func() error { return syncFile(files, p) })
	}
	return g.Wait()
}

func syncFile(files vfs.Files, p index.Path) error {
	c, err := files.Open(p)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, vfs.ErrChanged) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(c.Sync(), c.Close())
}
