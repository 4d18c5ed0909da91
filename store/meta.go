package store

import (
	"errors"
	"fmt"
	"slices"

	"duet/store/index"
	"duet/store/index/indexpb"
)

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
	Ahead     index.Seq // the greatest position of it that was heard ahead of its turn; 0: none behind Heard
	AheadRun  uint64    // the run that wrote it
	Acked     index.Seq // how far the peer has heard this node's

	Connected int64  // ns since 1970: the last session began
	Parted    int64  // ns since 1970: the last session ended
	PartedWhy string // why it ended
	PartedHow index.Ending
	Together  int64  // ns since 1970: last known to be connected; see Apart
	Clean     bool   // the last stop was orderly
	Approved  string // id of the plan whose deletes a person approved
	Paused    bool
	Halt      string // why the share is halted; "" if it is not
	FirstScan bool   // a scan has completed once

	// Rules is a hash of the ignore rules of both nodes by which every record
	// was last settled; zero if that has not been done, or has to be again.
	Rules index.Hash

	Leaves []Leave // what people said of deletes that waited, oldest first

	// Reserve is what a person on this node has left out of a plan; nil: nothing.
	Reserve *index.Reserve
}

// Leave is what a person said of deletes that waited: those at and below a path
// that had been heard up to a position of the peer's.
type Leave struct {
	Under  index.Path // Root: everywhere
	Upto   index.Seq
	Reject bool // they must not happen; else they may
}

// Apart returns since when the nodes are known to be apart, while they are, in ns
// since 1970; 0 if they never met. After a crash while they were connected it is
// when they were last known to be.
func (m *Meta) Apart() int64 {
	if m.Parted > m.Connected {
		return m.Parted
	}
	return max(m.Connected, m.Together)
}

// maxLeaves bounds Meta.Leaves: the oldest go first, which have long been done.
const maxLeaves = 64

// metaValue is Meta with what the store itself has to remember there.
type metaValue struct {
	Meta
	reset      reset
	resetAfter index.Path // records up to this one are done
}

var (
	metaKey   = []byte("meta")
	formatKey = []byte("format")
	countsKey = []byte("counts")
)

// maxRuns bounds Meta.Runs.
const maxRuns = 64

// maxText bounds the texts in Meta.
const maxText = 1024

// Meta returns the share's own values.
func (tx *Tx) Meta() (Meta, error) {
	v, err := tx.loadMeta()
	if err != nil {
		return Meta{}, err
	}
	m := v.Meta
	m.Runs, m.Leaves = slices.Clone(m.Runs), slices.Clone(m.Leaves)
	return m, nil
}

// PutMeta replaces the share's own values; Format is the store's and stays.
func (tx *Tx) PutMeta(m Meta) error {
	old, err := tx.loadMeta()
	if err != nil {
		return err
	}
	v := *old
	m.Format = old.Format
	v.Meta = m
	v.Runs = slices.Clone(m.Runs)
	v.Leaves = slices.Clone(m.Leaves[max(0, len(m.Leaves)-maxLeaves):])
	return tx.putMeta(&v)
}

func (tx *Tx) putMeta(v *metaValue) error {
	for _, text := range []*string{&v.PartedWhy, &v.Halt} { // errors of the world, of any length
		*text = (*text)[:min(len(*text), maxText)]
	}
	raw, err := v.marshal()
	if err != nil {
		return err
	}
	tx.meta = v
	return tx.put(metaBucket, metaKey, raw)
}

func (tx *Tx) loadMeta() (*metaValue, error) {
	if tx.meta != nil {
		return tx.meta, nil
	}
	v, err := unmarshalMeta(tx.bucket(metaBucket).Get(metaKey))
	if err != nil {
		return nil, tx.damaged(fmt.Errorf("read meta: %w", err))
	}
	if v.Format, err = tx.format(); err != nil {
		return nil, err
	}
	tx.meta = v
	return v, nil
}

func (v *metaValue) marshal() ([]byte, error) {
	m := &indexpb.Meta{
		Share: []byte(v.Share), Node: uint64(v.Node), Epoch: uint64(v.Epoch),
		RootDev: v.Root.Dev, RootFsid: v.Root.Fsid, RootIno: v.Root.Ino,
		Peer: uint64(v.Peer), PeerEpoch: uint64(v.PeerEpoch), PeerRun: v.PeerRun,
		Heard: uint64(v.Heard), Ahead: uint64(v.Ahead), AheadRun: v.AheadRun, Acked: uint64(v.Acked),
		Connected: v.Connected, Parted: v.Parted, PartedWhy: []byte(v.PartedWhy),
		Clean: v.Clean, Approved: []byte(v.Approved), Paused: v.Paused, Halt: []byte(v.Halt),
		PartedHow: uint32(v.PartedHow), Together: v.Together, FirstScan: v.FirstScan, Reset_: uint32(v.reset), ResetAfter: []byte(v.resetAfter),
	}
	if v.Rules != (index.Hash{}) {
		m.Rules = v.Rules[:]
	}
	for _, l := range v.Leaves {
		m.Leaves = append(m.Leaves, &indexpb.Leave{Under: []byte(l.Under), Upto: uint64(l.Upto), Reject: l.Reject})
	}
	m.Reserve = index.ReserveProto(v.Reserve)
	for _, r := range v.Runs {
		m.Runs = append(m.Runs, &indexpb.Run{From: uint64(r.From), Id: r.ID})
	}
	return index.Encode(m)
}

func unmarshalMeta(raw []byte) (*metaValue, error) {
	var m indexpb.Meta
	if err := index.Decode(raw, &m); err != nil {
		return nil, err
	}
	if m.Reset_ > uint32(forgetAll) {
		return nil, fmt.Errorf("reset %d is unknown", m.Reset_)
	}
	v := &metaValue{
		Meta: Meta{
			Share: string(m.Share), Node: index.NodeID(m.Node), Epoch: index.Epoch(m.Epoch),
			Root: index.Identity{Dev: m.RootDev, Fsid: m.RootFsid, Ino: m.RootIno},
			Peer: index.NodeID(m.Peer), PeerEpoch: index.Epoch(m.PeerEpoch), PeerRun: m.PeerRun,
			Heard: index.Seq(m.Heard), Ahead: index.Seq(m.Ahead), AheadRun: m.AheadRun, Acked: index.Seq(m.Acked),
			Connected: m.Connected, Parted: m.Parted, PartedWhy: string(m.PartedWhy),
			Clean: m.Clean, Approved: string(m.Approved), Paused: m.Paused, Halt: string(m.Halt),
			PartedHow: index.Ending(m.PartedHow), Together: m.Together, FirstScan: m.FirstScan,
		},
		reset: reset(m.Reset_), resetAfter: index.Path(m.ResetAfter),
	}
	copy(v.Rules[:], m.Rules) // of another length, it is not canonical
	for _, r := range m.Runs {
		v.Runs = append(v.Runs, index.Run{From: index.Seq(r.From), ID: r.Id})
	}
	for _, l := range m.Leaves {
		v.Leaves = append(v.Leaves, Leave{index.Path(l.Under), index.Seq(l.Upto), l.Reject})
	}
	var err error
	if v.Reserve, err = index.ReserveFrom(m.Reserve); err != nil {
		return nil, err
	}
	want, err := v.marshal()
	if err := index.Canonical(raw, want, err); err != nil {
		return nil, err
	}
	if v.Epoch == 0 {
		return nil, errors.New("no epoch")
	}
	return v, nil
}

// beginRun notes that this process begins to write.
func (tx *Tx) beginRun() error {
	old, err := tx.loadMeta()
	if err != nil {
		return err
	}
	v := *old
	v.Runs = pruneRuns(append(slices.Clone(v.Runs), index.Run{From: tx.Head(), ID: tx.store.options.Random()}))
	o := tx.store.options
	if o.Share != "" {
		v.Share = o.Share
	}
	if o.Node == 0 {
		return tx.putMeta(&v)
	}
	if v.Node != 0 && v.Node != o.Node {
		// Copied from another host, or the key is new. Two nodes that count
		// in one epoch would take each other's edits for their own.
		v.Node, v.Peer = o.Node, 0
		if err := tx.beginEpoch(&v, o.Now(), 0); err != nil {
			return err
		}
	}
	v.Node = o.Node
	return tx.putMeta(&v)
}

// pruneRuns keeps maxRuns of them. The peer remembers the run in which it last
// heard something, so runs that wrote nothing are the first to go.
func pruneRuns(runs []index.Run) []index.Run {
	for len(runs) > maxRuns {
		idle := 0
		for i := 1; i < len(runs)-2; i++ {
			if runs[i].From == runs[i+1].From {
				idle = i
				break
			}
		}
		runs = slices.Delete(runs, idle, idle+1)
	}
	return runs
}
