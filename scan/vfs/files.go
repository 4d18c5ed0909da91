// Package vfs is the only door to a share's files: reads, the holding area,
// and the five verbs that change a tree. Every operation works on descriptors
// relative to the root, follows no symlink, and cannot leave the root or cross
// a mount point.
package vfs

import (
	"errors"
	"io"

	"duet/store/index"
)

// Errors that callers act on. Everything else is an ordinary I/O error of one
// path.
var (
	// ErrMount means that the path is, or is below, another filesystem.
	ErrMount = errors.New("is on another filesystem")
	// ErrChanged means that what is at the path is not what was expected.
	ErrChanged = errors.New("changed on disk meanwhile")
	// ErrSpecial means that the path is a FIFO, a socket or a device.
	ErrSpecial = errors.New("is not a regular file, directory or symlink")
	// ErrBusy means that a process has the file open for writing, so that what
	// was asked for could hide what it writes.
	ErrBusy = errors.New("is open for writing")
	// ErrReserved means that the path is, or is below, the holding area, which
	// is then inside the root. No caller may name it, whatever a peer says.
	ErrReserved = errors.New("is the holding area of Duet")
)

// Type is what lstat found.
type Type uint8

// The types that a walk tells apart.
const (
	Regular Type = iota + 1
	Directory
	Link
	Special // FIFO, socket, device
)

// Info is what lstat said of one path.
type Info struct {
	Name  string // last component
	Type  Type
	Mount bool // the path is a mount point, or on another device than the root
	// Stamp.ModTime is never 0 but for directories: a file of exactly 1970
	// is reported, and set, as one nanosecond later.
	Stamp index.Stamp
}

// Area is one of the two folders of the holding area.
type Area string

// The two folders of the holding area.
const (
	Stage Area = "stage" // being built, or about to be installed
	Kept  Area = "kept"  // displaced
)

// Held names something in the holding area. Name is one component.
type Held struct {
	Area Area
	Name string
	// In is the name of the staged directory that it is in, to be placed with it;
	// "": it is in the area itself. Only the stage has such things.
	In string
}

// Meta is the metadata that an install sets. Of directories the time is left
// alone, of symlinks the mode.
type Meta struct {
	Mode    uint32 // permission bits, 07777
	ModTime int64  // ns since 1970, as in a Stamp; 0: leave it
	UID     int64  // -1: leave it
	GID     int64  // -1: leave it
}

// Files is the door to one share's root and its holding area. Implementations
// may be used from several goroutines. A path that is not there is reported
// as fs.ErrNotExist, and nothing else is.
type Files interface {
	// Identity looks the root up by its path again and says which directory
	// it finds. Compare with Opened to learn that the root was replaced.
	Identity() (index.Identity, error)
	// Opened is the identity of the root that this Files works on.
	Opened() index.Identity

	Lstat(p index.Path) (Info, error)
	// OpenDir opens a directory (Root too) for a walk.
	OpenDir(p index.Path) (Dir, error)
	// Open opens a regular file for reading.
	// A directory or symlink there is ErrChanged, a FIFO or device ErrSpecial.
	Open(p index.Path) (Content, error)
	Readlink(p index.Path) (string, error)

	// Create makes an empty file, mode 0600. A staged leftover of that name is
	// replaced; what is kept, or in a staged directory, never is (fs.ErrExist),
	// here and below.
	Create(h Held) (Draft, error)
	// Append opens a staged file to go on where it stopped, creating it if need be.
	Append(h Held) (Draft, error)
	OpenHeld(h Held) (Content, error)
	LstatHeld(h Held) (Info, error)
	ReadlinkHeld(h Held) (string, error)
	ListHeld(a Area) ([]Info, error)
	// HeldNames is ListHeld without a look at what has the names.
	HeldNames(a Area) ([]string, error)
	// Snapshot copies a regular file of the tree to h (reflink where the
	// filesystem can), and returns the stamp that it had before and after;
	// ErrChanged if the two differ.
	Snapshot(p index.Path, h Held) (index.Stamp, error)
	// CopyHeld copies one held file to another name (reflink where possible).
	CopyHeld(from, to Held) error
	// Inside opens a held directory as a tree of its own, with the same
	// holding area, to look at what is in it and move that on.
	Inside(h Held) (Files, error)
	StageDir(h Held, m Meta) (index.Stamp, error)
	StageLink(h Held, target string, m Meta) (index.Stamp, error)
	RenameHeld(from, to Held) error
	// RemoveHeld destroys. It is for leftovers of the stage and for expired
	// kept versions, never for anything that a person may want.
	RemoveHeld(h Held) error
	// RmdirHeld removes a held directory that is empty: fs.ErrExist if it is not.
	RmdirHeld(h Held) error

	// The five verbs. Place, Move and Shelve fail with fs.ErrExist when the
	// target name is taken.
	Place(h Held, p index.Path) error
	Swap(h Held, p index.Path) error // h then names what was at p
	Move(from, to index.Path) error
	Shelve(p index.Path, h Held) error
	// SetMeta sets metadata on what is at p if it is still expect (SameBytes),
	// else ErrChanged; it returns the new stamp. ErrBusy, if the time of a
	// file that is known to have writers would have to be changed.
	SetMeta(p index.Path, m Meta, expect index.Stamp) (index.Stamp, error)
	// Rmdir shelves an empty directory: it destroys no bytes, so it is removed.
	// One that is not empty is fs.ErrExist, anything else there ErrChanged.
	Rmdir(p index.Path) error

	// SyncDirs puts the names in these directories, and in the holding
	// area's folders, on stable storage. One that is not there any more is
	// not an error.
	SyncDirs(dirs []index.Path) error
	// SyncSeen puts what people and their programs did on stable storage: what
	// is at these paths, content and metadata, and the names that are there or
	// are not there any more. It returns one error for each: absence or
	// ErrChanged if something else is there than was seen, another inode; what
	// has been written to the same one meanwhile is synced as well.
	SyncSeen(seen []Seen) []error
	// SyncStaged puts staged files that were dressed on stable storage. It
	// returns one error for each.
	SyncStaged(staged []Held) []error
	// Free returns the bytes that this user may still write.
	Free() (int64, error)
	// Capacity returns the bytes that the whole filesystem has.
	Capacity() (int64, error)
	Close() error
}

// Dir is an open directory, for one goroutine.
type Dir interface {
	// Names returns the names in byte order, without "." and "..".
	Names() ([]string, error)
	Lstat(name string) (Info, error)
	// Changed is the ctime of the directory itself, ns since 1970: when it was
	// renamed, or when something in it got or lost a name, whichever was last.
	Changed() (int64, error)
	Close() error
}

// Content is an open regular file, for reading.
type Content interface {
	io.Reader
	io.ReaderAt
	io.Closer
	Stat() (Info, error)
	// Data says where there is data and where nothing is stored, which reads as
	// zeros: from off on none before from, and then up to end at least. At the end
	// of the file both are its size. A filesystem that does not know its holes says
	// that all is data. It moves the place that Read goes on from.
	Data(off int64) (from, end int64, err error)
	// Writers reports whether a process has the file open for writing, by
	// trying a read lease (fcntl(2), F_SETLEASE). known is false where this
	// user or filesystem cannot tell.
	Writers() (writers, known bool)
	// Sync puts the content and the metadata on stable storage: what SetMeta
	// changed in place.
	Sync() error
	// LostAt reports whether the file lost its name at p: it was removed there,
	// or replaced. One that was renamed before that lost its name elsewhere.
	// Where the system does not tell (/proc/self/fd), it is false.
	LostAt(p index.Path) bool
}

// Draft is a staged file being written.
type Draft interface {
	io.Writer
	io.Closer
	// Size is the number of bytes written so far, those of an earlier run included.
	Size() int64
	// Hole adds n zeros, which are not stored where the filesystem can do without.
	Hole(n int64) error
	Truncate(size int64) error
	// Finish sets the metadata and fsyncs; it returns the stamp.
	Finish(m Meta) (index.Stamp, error)
	// Dress is Finish but for the fsync, which one SyncStaged of many files
	// does in far less time. Until then nobody may rely on the file.
	Dress(m Meta) (index.Stamp, error)
}
