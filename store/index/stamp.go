package index

import (
	"fmt"

	"duet/store/index/indexpb"
)

// Bits of a Stamp's same field.
const (
	sizeIsEntry = 1 << iota
	modTimeIsEntry
	modeIsEntry
	ctimeIsModTime
)

// fileType gives the type bits of st_mode, from inode(7), for each kind.
var fileType = [...]uint32{File: 0100000, Dir: 0040000, Symlink: 0120000, Gone: 0}

// entryMode is the st_mode that is usual for e. Linux gives every symlink 0777.
func entryMode(e *Entry) uint32 {
	if e.Kind == Symlink {
		return fileType[Symlink] | 0777
	}
	return fileType[e.Kind] | e.Mode
}

// stampToProto leaves out what s shares with e, which may be nil.
func stampToProto(s Stamp, e *Entry) *indexpb.Stamp {
	if s == (Stamp{}) {
		return nil
	}
	m := &indexpb.Stamp{
		Ino: s.Ino, Size: uint64(s.Size), ModTime: s.ModTime, Ctime: s.Ctime,
		Mode: s.Mode, Uid: s.UID, Gid: s.GID,
	}
	if s.Ctime != 0 && s.Ctime == s.ModTime {
		m.Same |= ctimeIsModTime
		m.Ctime = 0
	}
	if e == nil {
		return m
	}
	if s.Size != 0 && s.Size == e.Size {
		m.Same |= sizeIsEntry
		m.Size = 0
	}
	if s.ModTime != 0 && s.ModTime == e.ModTime {
		m.Same |= modTimeIsEntry
		m.ModTime = 0
	}
	if s.Mode == entryMode(e) {
		m.Same |= modeIsEntry
		m.Mode = 0
	}
	return m
}

func stampFromProto(m *indexpb.Stamp, e *Entry) (Stamp, error) {
	if m == nil {
		return Stamp{}, nil
	}
	if m.Size > 1<<63-1 {
		return Stamp{}, fmt.Errorf("stamp with size %d", m.Size)
	}
	s := Stamp{
		Ino: m.Ino, Size: int64(m.Size), ModTime: m.ModTime, Ctime: m.Ctime,
		Mode: m.Mode, UID: m.Uid, GID: m.Gid,
	}
	if e != nil {
		if m.Same&sizeIsEntry != 0 {
			s.Size = e.Size
		}
		if m.Same&modTimeIsEntry != 0 {
			s.ModTime = e.ModTime
		}
		if m.Same&modeIsEntry != 0 {
			s.Mode = entryMode(e)
		}
	}
	if m.Same&ctimeIsModTime != 0 {
		s.Ctime = s.ModTime
	}
	return s, nil
}
