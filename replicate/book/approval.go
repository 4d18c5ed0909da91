package book

import (
	"fmt"
	"strconv"

	"duet/store"
	"duet/store/index"
)

// Approve writes down that a person approved the deletes heard up to a
// position of the peer's, so that a restart does not ask again. what says, for
// the journal, which deletes these are.
func (b *Book) Approve(upto index.Seq, what string) error {
	return b.Order(index.Approved, what, func(m *store.Meta) { m.Approved = approval(m.PeerEpoch, upto) })
}

// approval is how Meta.Approved is written: which life of the peer's journal,
// and up to where.
func approval(e index.Epoch, upto index.Seq) string { return fmt.Sprintf("%v:%d", e, uint64(upto)) }

// ApprovedUpTo returns up to which of the peer's positions deletes are approved.
func ApprovedUpTo(m store.Meta) index.Seq {
	prefix := m.PeerEpoch.String() + ":"
	if len(m.Approved) <= len(prefix) || m.Approved[:len(prefix)] != prefix {
		return 0
	}
	n, err := strconv.ParseUint(m.Approved[len(prefix):], 10, 64)
	if err != nil {
		return 0
	}
	return index.Seq(n)
}
