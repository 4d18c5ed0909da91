package vfstest

import (
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const (
	scratchTop  = "/dev/shm"
	scratchName = "duet-test" // short: there are sockets below, and their names are bounded
	scratchRoom = 4 << 30     // much more than the tests of all packages ever have at a time
	scratchRest = time.Hour   // a test's time limit ends it before
)

// Run runs m, a testing.M, with its temporary directories in memory, and returns
// its exit code: for a TestMain. The tests of most packages make and remove
// thousands of small files and look at none of them after a power failure, so a
// disk adds nothing but time, on some filesystems most of it (ext4 without a
// journal looks, for each new file, at every inode that was freed in the last
// minutes). They do run on a disk under DUET_CI=1, or where TMPDIR says, and if
// there is no memory to have.
func Run(m interface{ Run() int }) int {
	defer scratch()()
	return m.Run()
}

// scratch has the temporary directories of this process made in memory, until the
// returned function removes them.
func scratch() (remove func()) {
	nothing := func() {}
	if os.Getenv("DUET_CI") == "1" || os.Getenv("TMPDIR") != "" || os.Getenv("GOTMPDIR") != "" {
		return nothing
	}
	var sf unix.Statfs_t
	if err := unix.Statfs(scratchTop, &sf); err != nil || sf.Type != unix.TMPFS_MAGIC ||
		sf.Flags&unix.ST_NOEXEC != 0 || sf.Bavail*uint64(sf.Bsize) < scratchRoom {
		return nothing
	}
	sweep()
	dir, err := os.MkdirTemp(scratchTop, scratchName)
	if err != nil {
		return nothing
	}
	held, err := lock(dir)
	if err != nil || os.Chmod(dir, 0o755) != nil || os.Setenv("TMPDIR", dir) != nil {
		os.RemoveAll(dir)
		return nothing
	}
	return func() {
		os.RemoveAll(dir)
		held.Close()
	}
}

// sweep removes what processes left there that were killed: memory is scarcer
// than disk. Who lives holds a lock.
func sweep() {
	left, _ := filepath.Glob(filepath.Join(scratchTop, scratchName+"*"))
	for _, dir := range left {
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || time.Since(info.ModTime()) < scratchRest {
			continue
		}
		if held, err := lock(dir); err == nil {
			os.RemoveAll(dir)
			held.Close()
		}
	}
}

func lock(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
