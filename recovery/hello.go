package recovery

import (
	"fmt"

	"duet/store"
	"duet/store/index"
)

// Said is what a peer's hello says of its journal, and of what it remembers
// of ours.
type Said struct {
	Epoch index.Epoch // of its own index
	Head  index.Seq

	HeardEpoch index.Epoch // the epoch of ours that it last heard; 0: none
	Heard      index.Seq
	HeardRun   uint64    // the run that wrote our position Heard
	Ahead      index.Seq // the greatest position of ours that it heard ahead of its turn; 0: none behind Heard
	AheadRun   uint64    // the run that wrote that
}

// Histories is what two nodes' memories of each other's journals mean.
type Histories struct {
	// RolledBack: the peer remembers positions of ours that we do not have.
	// This node needs a new epoch (Store.NewEpoch), then a new hello.
	RolledBack bool
	// NewPeer: the peer's index began a new life. What we remember of the
	// old one must go (Store.ForgetPeer).
	NewPeer bool
	// PeerBehind: the peer's journal ends before what we heard of it, or is of an
	// epoch before the one that we know. It will
	// see that from our hello and come back with a new epoch; until then
	// nothing that it says may be taken over.
	PeerBehind bool
	// PeerForgot: the peer remembers less of our journal than it had
	// acknowledged, though nothing of its own is missing. Tombstones that it
	// had heard of were dropped here, so that it would never hear of them
	// again: this node needs a new epoch, as if it was rolled back itself.
	PeerForgot bool
	Why        string // for the log; "" if all is well
}

// CheckHello compares what this node knows, local with its journal's last
// position head, with what the peer said.
func CheckHello(local store.Meta, head index.Seq, said Said) Histories {
	var h Histories
	h.NewPeer = said.Epoch > local.PeerEpoch || local.PeerEpoch == 0
	if h.NewPeer && local.PeerEpoch != 0 {
		h.Why = fmt.Sprintf("the peer's index is a new one: epoch %v, was %v", said.Epoch, local.PeerEpoch)
	}
	if said.Epoch < local.PeerEpoch {
		// Epochs only grow. To take it for a new one would be to forget what
		// tells the peer that it was put back.
		h.PeerBehind = true
		h.Why = fmt.Sprintf("the peer's index is older than one that it had before: epoch %v, was %v", said.Epoch, local.PeerEpoch)
		if why := rolledBack(local, head, said); why != "" {
			h.RolledBack, h.Why = true, why
		}
		return h
	}
	if told := max(local.Heard, local.Ahead); !h.NewPeer && said.Head < told {
		h.PeerBehind = true
		h.Why = fmt.Sprintf("the peer's index is older than what it told before: its journal ends at %d, it had reached %d",
			said.Head, told)
	}
	if !h.NewPeer && !h.PeerBehind && said.HeardEpoch == local.Epoch && said.Heard < local.Acked {
		h.PeerForgot = true
		h.Why = fmt.Sprintf("the peer's index was put back to an older state: it had heard this one up to %d, and remembers %d",
			local.Acked, said.Heard)
	}
	if why := rolledBack(local, head, said); why != "" {
		h.RolledBack, h.Why = true, why
	}
	return h
}

// rolledBack says in words why this node's index is not the one that the peer
// remembers, "" if it is.
func rolledBack(local store.Meta, head index.Seq, said Said) string {
	switch {
	case said.HeardEpoch == 0:
		return ""
	case said.HeardEpoch > local.Epoch:
		// Epochs start with the time of their creation. We were put back to
		// before a new epoch, whose edits the peer has seen.
		return fmt.Sprintf("this index is older than one that the peer has heard: epoch %v, the peer remembers %v",
			local.Epoch, said.HeardEpoch)
	case said.HeardEpoch < local.Epoch:
		return "" // we began anew since; the peer learns that from our hello
	case max(said.Heard, said.Ahead) > head:
		return fmt.Sprintf("this index was put back to an older state: its journal ends at %d, the peer has heard %d",
			head, max(said.Heard, said.Ahead))
	}
	for _, at := range []index.Run{{From: said.Heard, ID: said.HeardRun}, {From: said.Ahead, ID: said.AheadRun}} {
		if run, known := runAt(local.Runs, at.From); at.From != 0 && known && run != at.ID {
			return fmt.Sprintf("this index was put back to an older state and written since: position %d is not the one that the peer has heard",
				at.From)
		}
	}
	return ""
}

// runAt returns the run that wrote position pos. It is not known for positions
// before the oldest run that is remembered.
func runAt(runs []index.Run, pos index.Seq) (id uint64, known bool) {
	for i := len(runs) - 1; i >= 0; i-- {
		if runs[i].From < pos {
			return runs[i].ID, true
		}
	}
	return 0, false
}
