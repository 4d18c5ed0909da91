package book

import (
	"duet/scan"
	"duet/store/index"
)

// moves tells renames among findings, by inode, for the journal: nothing else
// depends on it. Only files and symlinks are told: their size and time are
// those of what is gone, where a new directory may well get the inode of one
// that was just removed.
type moves map[uint64]move

type move struct {
	from  index.Path
	stamp index.Stamp
	to    index.Path // "" until it is found
}

// movesIn looks which of the things that are gone are somewhere else now. A scan
// finds what is gone only at its end, in a batch of its own: see moved.
func movesIn(batch []Findings) moves {
	out := moves{}
	for _, b := range batch {
		for i := range b.Found {
			if f := &b.Found[i]; gone(f) && f.Was.Mode&typeBits != dirBits {
				out[f.Was.Ino] = move{from: f.Path, stamp: f.Was}
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	for _, b := range batch {
		for i := range b.Found {
			f := &b.Found[i]
			if m, ok := out[f.Now.Ino]; ok && appeared(f) && f.Now.SameBytes(m.stamp) {
				m.to = f.Path
				out[f.Now.Ino] = m
			}
		}
	}
	return out
}

// The type bits of st_mode, see inode(7).
const (
	typeBits = 0170000
	dirBits  = 0040000
)

func gone(f *scan.Finding) bool { return f.Entry != nil && f.Entry.Kind == index.Gone }

// appeared reports whether what f found may have been brought there by a rename,
// which may have replaced something.
func appeared(f *scan.Finding) bool { return f.What == index.Created || f.What == index.Changed }

// maxTwins bounds how many files of the same content are looked at for the one
// that a file became.
const maxTwins = 16

// moved says where what was found came from, or where it went. r is the record
// before.
func (w *writing) moved(f *scan.Finding, r *index.Record) (from, to index.Path, err error) {
	switch {
	case gone(f) && w.moves[f.Was.Ino].from == f.Path && w.moves[f.Was.Ino].to != index.Root:
		return "", w.moves[f.Was.Ino].to, nil
	case gone(f) && r.Ours.Kind == index.File && r.Ours.Size > 0:
		tried := 0
		for p, err := range w.tx.Twins(r.Ours.Hash, r.Ours.Size, r.Pos) {
			if err != nil {
				return "", "", err
			}
			if tried++; tried > maxTwins {
				break
			}
			twin, err := w.tx.Get(p)
			if err != nil {
				return "", "", err
			}
			if p != f.Path && twin != nil && twin.Ours.Live() && twin.Stamp.SameBytes(f.Was) {
				return "", p, nil
			}
		}
	case appeared(f) && w.moves[f.Now.Ino].to == f.Path:
		return w.moves[f.Now.Ino].from, "", nil
	}
	return "", "", nil
}
