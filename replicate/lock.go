package replicate

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"duet/scan/vfs"
	"duet/store/index"
)

// lockedTree is a tree whose holding area no other process uses: two nodes on
// one host, with roots side by side and the same share name, would choose the
// same one, and each would take the other's files for leftovers. The lock is
// the kernel's, on the directory itself: it ends with the process, and no file
// stays behind.
type lockedTree struct {
	*vfs.Tree
	lock *os.File
}

func lockTree(t *vfs.Tree) (*lockedTree, error) {
	lock, err := os.Open(t.Holding())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the holding area: %w", err), t.Close())
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		err = fmt.Errorf("holding area %s is in use by another duet (%w): give each share of each node its own with `holding:`",
			index.Quote(t.Holding()), err)
		return nil, errors.Join(err, lock.Close(), t.Close())
	}
	return &lockedTree{t, lock}, nil
}

func (t *lockedTree) Close() error { return errors.Join(t.Tree.Close(), t.lock.Close()) }
