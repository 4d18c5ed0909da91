package vfstest

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Disk is the outside of a real directory.
type Disk string

var _ Outside = Disk("")

func (d Disk) at(p string) string { return filepath.Join(string(d), p) }

// Mkdir makes a directory.
func (d Disk) Mkdir(p string) error { return os.Mkdir(d.at(p), 0o755) }

// Write creates or overwrites a file in place.
func (d Disk) Write(p, content string) error {
	return os.WriteFile(d.at(p), []byte(content), 0o644)
}

// Symlink makes a symlink.
func (d Disk) Symlink(target, p string) error { return os.Symlink(target, d.at(p)) }

// Fifo makes a FIFO.
func (d Disk) Fifo(p string) error { return syscall.Mkfifo(d.at(p), 0o644) }

// Rename renames.
func (d Disk) Rename(from, to string) error { return os.Rename(d.at(from), d.at(to)) }

// Remove removes p and all below it.
func (d Disk) Remove(p string) error { return os.RemoveAll(d.at(p)) }

// Read returns what a file holds.
func (d Disk) Read(p string) (string, error) {
	b, err := os.ReadFile(d.at(p))
	return string(b), err
}

// Chtimes sets the modification time.
func (d Disk) Chtimes(p string, ns int64) error {
	return os.Chtimes(d.at(p), time.Time{}, time.Unix(0, ns))
}

// Chmod sets the permission bits.
func (d Disk) Chmod(p string, mode uint32) error { return syscall.Chmod(d.at(p), mode) }

// OpenForWriting keeps p open for writing, at its end, until it is closed.
func (d Disk) OpenForWriting(p string) (io.WriteCloser, error) {
	return os.OpenFile(d.at(p), os.O_WRONLY|os.O_APPEND, 0)
}
