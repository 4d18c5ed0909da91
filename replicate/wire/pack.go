package wire

import (
	"google.golang.org/protobuf/proto"

	"duet/store/index"
)

// Packer gathers changes into messages that stay below the limits. The zero
// Packer is empty and ready.
type Packer struct {
	changes []Change
	bytes   int
}

// The room that a frame has for changes: less the kind, and Through, Head and
// Run at their widest.
const packBytes = MaxFrame - 64

// Add appends c, unless the message would grow too large: then it returns
// false and the caller has to Take first. An empty Packer takes any change
// that is valid by itself.
func (p *Packer) Add(c Change) bool {
	n := proto.Size(c.proto())
	n += 1 + sizeVarint(n)
	if len(p.changes) > 0 && (len(p.changes) == MaxChanges || p.bytes+n > packBytes) {
		return false
	}
	p.changes = append(p.changes, c)
	p.bytes += n
	return true
}

// Take returns the changes that wait as one message, and empties p. through is
// the position up to which nothing is missing: the last change's, or that of
// the end of the journal when the last change has been added.
func (p *Packer) Take(through, head index.Seq, run uint64) *Changes {
	m := &Changes{Changes: p.changes, Through: through, Head: head, Run: run}
	*p = Packer{}
	return m
}

func sizeVarint(n int) int {
	size := 1
	for ; n >= 0x80; n >>= 7 {
		size++
	}
	return size
}
