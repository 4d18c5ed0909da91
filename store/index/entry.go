package index

import (
	"encoding/hex"
	"fmt"
)

// Hash is a BLAKE3-256 digest of a file's content.
type Hash [32]byte

// IsZero reports whether h is no hash at all.
func (h Hash) IsZero() bool { return h == Hash{} }

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Kind is what an entry says there is at its path.
type Kind uint8

// The kinds of entry. Zero is none of them.
const (
	File Kind = iota + 1
	Dir
	Symlink
	Gone // a tombstone: it was here, and was deleted
)

func (k Kind) String() string {
	if k < File || k > Gone {
		return fmt.Sprintf("kind(%d)", uint8(k))
	}
	return [...]string{"file", "directory", "symlink", "gone"}[k-1]
}

// Entry is what a node knows of one path. A nil *Entry is "never heard of it",
// which is not the same as a tombstone. Entries are shared between goroutines
// and are never changed once built: copy, then change the copy.
type Entry struct {
	Kind    Kind
	Hash    Hash   // File
	Size    int64  // File: bytes
	ModTime int64  // File, Symlink: nanoseconds since 1970; 0 otherwise
	Mode    uint32 // File, Dir: permission bits, with 07000 only if the share syncs special bits
	Owner   string // user name, or decimal number if it has none; "" if owners are not synced
	Group   string // likewise
	Target  string // Symlink: raw

	Version Version
	Origin  NodeID  // whose edit this is
	Over    Version // the version that this one beat, whether or not it was a conflict; Version less Over is what the content itself stands for; nil if none
	Rescued bool    // Over is the version of a tombstone: a change kept the path alive against a delete
	Apart   bool    // Gone: noticed while the nodes were apart

	Settled *Settlement // what a person has settled; nil: nothing is said of it
}

// Bare returns e as something in a tree that no index knows yet.
func (e *Entry) Bare() *Entry {
	out := *e
	out.Version, out.Over, out.Rescued, out.Settled = nil, nil, false, nil
	return &out
}

// Live reports whether e says that something is there.
func (e *Entry) Live() bool { return e != nil && e.Kind != Gone }

// LiveKind is the kind of what e says is there, zero for nothing.
func (e *Entry) LiveKind() Kind {
	if !e.Live() {
		return 0
	}
	return e.Kind
}

// SameContent reports whether a and b are the same thing but for metadata:
// same kind, and same bytes or link target. Two tombstones are the same.
func SameContent(a, b *Entry) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Kind == b.Kind && a.Hash == b.Hash && a.Size == b.Size && a.Target == b.Target
}

// Same reports whether a and b have the same content and metadata; versions
// and origin do not matter. An owner that one side does not record matches.
func Same(a, b *Entry) bool {
	if !SameContent(a, b) {
		return false
	}
	if a == nil || a.Kind == Gone {
		return true
	}
	return a.ModTime == b.ModTime && a.Mode == b.Mode &&
		sameName(a.Owner, b.Owner) && sameName(a.Group, b.Group)
}

func sameName(a, b string) bool { return a == b || a == "" || b == "" }

// Stamp is what lstat said of a path when the index last looked at it: while
// it does not change, the content is not read again. It never leaves the node.
// The zero Stamp matches nothing.
type Stamp struct {
	Ino     uint64
	Size    int64  // bytes; 0 for directories
	ModTime int64  // ns since 1970; 0 for directories
	Ctime   int64  // ns since 1970; 0 for directories
	Mode    uint32 // st_mode, with the type bits
	UID     uint32
	GID     uint32
}

// SameBytes reports whether s and t are the same inode with the same content,
// as far as stat can tell when a rename, which changes ctime, lies between.
func (s Stamp) SameBytes(t Stamp) bool {
	return s.Ino == t.Ino && s.Size == t.Size && s.ModTime == t.ModTime && s.Mode&0170000 == t.Mode&0170000
}
