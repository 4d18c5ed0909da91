package book

import (
	"duet/recovery"
	"duet/replicate/wire"
	"duet/store"
	"duet/store/index"
)

// Introduce fills in what a hello says of the index.
func (b *Book) Introduce(h *wire.Hello) error {
	return b.Store.View(func(tx *store.Tx) error {
		m, err := tx.Meta()
		if err != nil {
			return err
		}
		c, err := tx.Counts()
		if err != nil {
			return err
		}
		h.Epoch, h.Head, h.Run = m.Epoch, tx.Head(), index.RunAt(m.Runs, tx.Head())
		if n := len(m.Runs); n > 0 {
			h.Life = m.Runs[n-1].ID
		}
		h.HeardEpoch, h.Heard, h.HeardRun = m.PeerEpoch, m.Heard, m.PeerRun
		h.Ahead, h.AheadRun = m.Ahead, m.AheadRun
		h.Records = uint64(c.Records)
		return nil
	})
}

// Meeting is what came of comparing two hellos.
type Meeting struct {
	Again   bool // the histories did not fit and have been mended: say hello again
	Why     string
	Err     error
	Meta    store.Meta
	Head    index.Seq
	Stale   bool  // the index is settled by other ignore rules
	Mended  bool  // at the cost of a pass over the index
	Refused error // it would have to be mended, and that has been done too often
}

// Meet compares the two histories, and mends ours if one of the indexes was lost
// or put back. mayMend says why that must not be now; nil if it may.
func (b *Book) Meet(theirs *wire.Hello, mayMend error) Meeting {
	var m Meeting
	var h recovery.Histories
	m.Err = b.Store.View(func(tx *store.Tx) error {
		var err error
		if m.Meta, err = tx.Meta(); err != nil {
			return err
		}
		m.Head = tx.Head()
		h = recovery.CheckHello(m.Meta, m.Head, recovery.Said{
			Epoch: theirs.Epoch, Head: theirs.Head,
			HeardEpoch: theirs.HeardEpoch, Heard: theirs.Heard, HeardRun: theirs.HeardRun,
			Ahead: theirs.Ahead, AheadRun: theirs.AheadRun,
		})
		return nil
	})
	m.Why = h.Why
	m.Mended = h.RolledBack || h.PeerForgot || h.NewPeer && m.Meta.PeerEpoch != 0
	switch {
	case m.Err != nil:
	case m.Mended && mayMend != nil:
		m.Mended, m.Refused = false, mayMend
	case h.RolledBack, h.PeerForgot:
		m.Again = true
		_, m.Err = b.Store.NewEpoch(b.Now(), theirs.HeardEpoch)
	case h.PeerBehind:
		m.Again = true // the peer mends itself and comes back
	case h.NewPeer:
		m.Again = m.Meta.PeerEpoch != 0
		if m.Err = b.Store.ForgetPeer(b.Policy.Peer, theirs.Epoch); m.Err == nil {
			m.Err = b.Store.View(func(tx *store.Tx) (err error) {
				m.Meta, err = tx.Meta()
				m.Head = tx.Head()
				return err
			})
		}
	}
	return m
}
