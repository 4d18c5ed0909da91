package diff

import (
	"bytes"
	"cmp"
	"strings"

	"duet/store/index"
)

// better reports whether the first of two different live states of one kind
// wins, and by which line. It is antisymmetric: on the peer, with the two
// exchanged, it names the same winner.
//
// What the rules compare: newer and older, the modification time of the file
// or of the symlink itself; larger and smaller, the bytes of the file or of
// the symlink's target. Directories have neither, so that any rule but Node
// leaves them to the tie. Under OnHold only metadata comes here, as a tie.
func better(ours, theirs *index.Entry, p Policy) (bool, string) {
	var by int
	var line string
	switch p.Conflict {
	case Newer:
		by, line = cmp.Compare(ours.ModTime, theirs.ModTime), lineNewer
	case Older:
		by, line = cmp.Compare(theirs.ModTime, ours.ModTime), lineOlder
	case Larger:
		by, line = cmp.Compare(size(ours), size(theirs)), lineLarger
	case Smaller:
		by, line = cmp.Compare(size(theirs), size(ours)), lineSmaller
	case Node:
		if (p.Winner == p.Self) != (p.Winner == p.Peer) {
			return p.Winner == p.Self, lineNode
		}
	}
	if by != 0 {
		return by > 0, line
	}
	return tie(ours, theirs) > 0, lineTie
}

// tie is a total order over all that Same looks at. Later and larger win, as
// people would expect; of two modes the smaller, so that a tie never opens
// what somebody closed.
func tie(a, b *index.Entry) int {
	return cmp.Or(
		cmp.Compare(a.ModTime, b.ModTime),
		cmp.Compare(size(a), size(b)),
		bytes.Compare(a.Hash[:], b.Hash[:]),
		strings.Compare(a.Target, b.Target),
		cmp.Compare(b.Mode, a.Mode),
		strings.Compare(a.Owner, b.Owner),
		strings.Compare(a.Group, b.Group),
	)
}

func size(e *index.Entry) int64 {
	if e.Kind == index.Symlink {
		return int64(len(e.Target))
	}
	return e.Size
}
