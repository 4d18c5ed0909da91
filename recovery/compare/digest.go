package compare

import (
	"encoding/binary"

	"duet/scan"
	"duet/store/index"
)

// Digest is of the live entries of a range, in walk order.
type Digest struct {
	Sum   index.Hash
	Count int64 // of the entries
}

// counted reports whether a record has a part in a digest: what is there, and
// is not left alone because one of the nodes ignores it. Tombstones have none:
// each node drops them in its own time.
func counted(r *index.Record) bool { return r.Ours.Live() && r.Next != index.Left }

// summer makes the digest of one range after another.
type summer struct {
	hash   *scan.Hasher
	buf    []byte
	count  int64
	owners bool // both nodes record them
}

func newSummer(owners bool) *summer {
	return &summer{hash: scan.NewHasher(), buf: make([]byte, 0, 64<<10), owners: owners}
}

// add hashes one entry. Every field of variable length comes after its length,
// so that no two lists of entries are written alike. docs/protocol.md has the
// same in words.
func (s *summer) add(p index.Path, e *index.Entry) {
	if len(s.buf) > 32<<10 {
		s.flush()
	}
	b := appendText(s.buf, string(p))
	b = append(b, byte(e.Kind))
	switch e.Kind {
	case index.File:
		b = append(b, e.Hash[:]...)
		b = binary.BigEndian.AppendUint64(b, uint64(e.Size))
		b = binary.BigEndian.AppendUint64(b, uint64(e.ModTime))
		b = binary.BigEndian.AppendUint32(b, e.Mode)
	case index.Dir:
		b = binary.BigEndian.AppendUint32(b, e.Mode)
	case index.Symlink:
		b = appendText(b, e.Target)
		b = binary.BigEndian.AppendUint64(b, uint64(e.ModTime))
	}
	if s.owners {
		b = appendText(b, e.Owner)
		b = appendText(b, e.Group)
	}
	s.buf = b
	s.count++
}

func appendText(b []byte, text string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(text)))
	return append(b, text...)
}

func (s *summer) flush() {
	s.hash.Write(s.buf)
	s.buf = s.buf[:0]
}

// take returns the digest of what was added, and begins the next one.
func (s *summer) take() Digest {
	s.flush()
	d := Digest{Sum: s.hash.Sum(), Count: s.count}
	s.hash.Reset()
	s.count = 0
	return d
}
