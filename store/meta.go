package store

import "duet/store/index"

// Meta is what the index holds besides its paths.
type Meta struct {
	Format uint32 // of the file; kept by the store
	Share  string
	Node   index.NodeID
	Epoch  index.Epoch
	Root   index.Identity
	Runs   []index.Run // oldest first, the last is this process's

	Peer      index.NodeID
	PeerEpoch index.Epoch
	PeerRun   uint64
	Heard     index.Seq // how far this node has heard the peer's journal
	Acked     index.Seq // how far the peer has heard this node's

	Connected int64  // ns since 1970: the last session began
	Parted    int64  // ns since 1970: the last session ended
	PartedWhy string // why it ended
	Clean     bool   // the last stop was orderly
	Approved  string // id of the plan whose deletes a person approved
	Paused    bool
	Halt      string // why the share is halted; "" if it is not
	FirstScan bool   // a scan has completed once
}
