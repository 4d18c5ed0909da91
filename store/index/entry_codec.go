package index

import (
	"errors"
	"fmt"
)

// appendEntry writes the fields of e.
func appendEntry(b []byte, e *Entry) []byte {
	b = putVarint(b, 1, uint64(e.Kind))
	if !e.Hash.IsZero() {
		b = putBytes(b, 2, e.Hash[:])
	}
	b = putVarint(b, 3, uint64(e.Size))
	b = putFixed(b, 4, uint64(e.ModTime))
	b = putVarint(b, 5, uint64(e.Mode))
	b = putBytes(b, 6, e.Owner)
	b = putBytes(b, 7, e.Group)
	b = putBytes(b, 8, e.Target)
	b = putFixed(b, 9, uint64(e.Origin))
	b = putVersion(b, 10, e.Version)
	b = putVersion(b, 11, e.Over)
	if e.Apart {
		b = putVarint(b, 12, 1)
	}
	if e.Settled != nil {
		var at int
		b, at = openMessage(b, 13)
		b = closeMessage(putVersion(b, 1, e.Settled.Upto), at)
	}
	if e.Rescued {
		b = putVarint(b, 14, 1)
	}
	return b
}

// readEntry reads what appendEntry wrote, and checks nothing but what would be
// lost by reading it.
func readEntry(b []byte) (*Entry, error) {
	e := &Entry{}
	f := fields{rest: b}
	for f.next() {
		var err error
		switch f.num {
		case 1:
			if f.v > uint64(Gone) {
				return nil, fmt.Errorf("kind %d is unknown", f.v)
			}
			e.Kind = Kind(f.v)
		case 2:
			if len(f.b) != len(e.Hash) {
				return nil, fmt.Errorf("hash of %d bytes", len(f.b))
			}
			copy(e.Hash[:], f.b)
		case 3:
			if e.Size = int64(f.v); e.Size < 0 {
				return nil, fmt.Errorf("size %d is out of range", f.v)
			}
		case 4:
			e.ModTime = int64(f.v)
		case 5:
			e.Mode = f.narrow()
		case 6:
			e.Owner = string(f.b)
		case 7:
			e.Group = string(f.b)
		case 8:
			e.Target = string(f.b)
		case 9:
			e.Origin = NodeID(f.v)
		case 10:
			e.Version, err = f.readCounter(e.Version)
		case 11:
			e.Over, err = f.readCounter(e.Over)
		case 12:
			e.Apart = f.v != 0
		case 13:
			e.Settled, err = readSettlement(f.b)
		case 14:
			e.Rescued = f.v != 0
		default:
			err = errCanonical
		}
		if err != nil {
			return nil, err
		}
	}
	return e, f.err()
}

func readSettlement(b []byte) (*Settlement, error) {
	s := &Settlement{}
	f := fields{rest: b}
	for f.next() {
		var err error
		if f.num != 1 {
			return nil, errCanonical
		}
		if s.Upto, err = f.readCounter(s.Upto); err != nil {
			return nil, fmt.Errorf("settled: %w", err)
		}
	}
	return s, f.err()
}

// appendStamp writes the fields of s, but for those that it shares with e, which may
// be nil, and, with a class, its owners.
func appendStamp(b []byte, s Stamp, e *Entry, classed bool) []byte {
	var same uint64
	if s.Ctime != 0 && s.Ctime == s.ModTime {
		same |= ctimeIsModTime
		s.Ctime = 0
	}
	if e != nil && s.Size != 0 && s.Size == e.Size {
		same |= sizeIsEntry
		s.Size = 0
	}
	if e != nil && s.ModTime != 0 && s.ModTime == e.ModTime {
		same |= modTimeIsEntry
		s.ModTime = 0
	}
	if e != nil && s.Mode == entryMode(e) {
		same |= modeIsEntry
		s.Mode = 0
	}
	if classed {
		s.UID, s.GID = 0, 0
	}
	b = putVarint(b, 1, s.Ino)
	b = putVarint(b, 2, uint64(s.Size))
	b = putFixed(b, 3, uint64(s.ModTime))
	b = putFixed(b, 4, uint64(s.Ctime))
	b = putVarint(b, 5, uint64(s.Mode))
	b = putVarint(b, 6, uint64(s.UID))
	b = putVarint(b, 7, uint64(s.GID))
	return putVarint(b, 8, same)
}

// readStamp reads what appendStamp wrote; e is complete by now.
func readStamp(b []byte, e *Entry) (s Stamp, err error) {
	if e == nil {
		return s, errors.New("a stamp of nothing")
	}
	var same uint64
	f := fields{rest: b}
	for f.next() {
		switch f.num {
		case 1:
			s.Ino = f.v
		case 2:
			if s.Size = int64(f.v); s.Size < 0 {
				return s, fmt.Errorf("stamp with size %d", f.v)
			}
		case 3:
			s.ModTime = int64(f.v)
		case 4:
			s.Ctime = int64(f.v)
		case 5:
			s.Mode = f.narrow()
		case 6:
			s.UID = f.narrow()
		case 7:
			s.GID = f.narrow()
		case 8:
			same = f.v
		default:
			return s, errCanonical
		}
	}
	if same&sizeIsEntry != 0 {
		s.Size = e.Size
	}
	if same&modTimeIsEntry != 0 {
		s.ModTime = e.ModTime
	}
	if same&modeIsEntry != 0 {
		s.Mode = entryMode(e)
	}
	if same&ctimeIsModTime != 0 {
		s.Ctime = s.ModTime
	}
	return s, f.err()
}
