package index

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Seq is a position in one node's journal; the first is 1.
type Seq uint64

// Epoch names one life of a node's index. A node that lost its index, or was
// rolled back, starts a new one, so that positions of two lives never mix.
type Epoch uint64

func (e Epoch) String() string { return fmt.Sprintf("%016x", uint64(e)) }

// NodeID is a node's identity: the first eight bytes of the SHA-256 of its
// ed25519 public key.
type NodeID uint64

func (n NodeID) String() string { return fmt.Sprintf("%016x", uint64(n)) }

// Counter is one component of a Version: the position at which a node, in one
// epoch, last edited the path itself.
type Counter struct {
	Epoch Epoch
	Seq   Seq
}

// Version is the causal history of one path: one Counter per epoch, in
// increasing order of Epoch, no zero Seq. It is a version vector (Parker et
// al., "Detection of Mutual Inconsistency in Distributed Systems", 1983).
// Versions are values: no function here changes its argument.
type Version []Counter

// MaxCounters bounds a Version: two nodes, and the epochs that they lost. Epochs
// start with the time of their creation, so the lowest is the longest dead.
const MaxCounters = 16

// Order is how two versions relate.
type Order uint8

// The four ways in which two versions relate.
const (
	Equal Order = iota
	Before
	After
	Concurrent
)

func (o Order) String() string {
	return [...]string{"equal", "before", "after", "concurrent"}[o]
}

// Compare says how v relates to w: v is Before w when w has seen everything
// that v has, and more.
func (v Version) Compare(w Version) Order {
	var less, more bool
	i, j := 0, 0
	for i < len(v) || j < len(w) {
		switch {
		case j == len(w) || i < len(v) && v[i].Epoch < w[j].Epoch:
			more = true
			i++
		case i == len(v) || w[j].Epoch < v[i].Epoch:
			less = true
			j++
		default:
			less = less || v[i].Seq < w[j].Seq
			more = more || v[i].Seq > w[j].Seq
			i, j = i+1, j+1
		}
	}
	switch {
	case less && more:
		return Concurrent
	case less:
		return Before
	case more:
		return After
	}
	return Equal
}

// Join returns the smallest version that has seen all that v and w have, but
// for the oldest epochs where that would be more than MaxCounters.
func (v Version) Join(w Version) Version {
	out := v.join(w)
	return out[max(0, len(out)-MaxCounters):]
}

func (v Version) join(w Version) Version {
	out := make(Version, 0, max(len(v), len(w)))
	i, j := 0, 0
	for i < len(v) || j < len(w) {
		switch {
		case j == len(w) || i < len(v) && v[i].Epoch < w[j].Epoch:
			out = append(out, v[i])
			i++
		case i == len(v) || w[j].Epoch < v[i].Epoch:
			out = append(out, w[j])
			j++
		default:
			out = append(out, Counter{v[i].Epoch, max(v[i].Seq, w[j].Seq)})
			i, j = i+1, j+1
		}
	}
	return out
}

// With returns v after an own edit, at position seq of epoch. That counter is
// there whatever else v has: a version that a hostile peer filled with epochs
// to come has no room for it, and an edit that left no mark would count as seen.
func (v Version) With(epoch Epoch, seq Seq) Version {
	out := v.join(Version{{epoch, seq}})
	switch {
	case len(out) <= MaxCounters:
		return out
	case out[0].Epoch == epoch:
		return slices.Delete(out, 1, 2)
	}
	return out[1:]
}

// At returns v's counter for epoch, zero if it has none.
func (v Version) At(epoch Epoch) Seq {
	i, ok := slices.BinarySearchFunc(v, epoch, func(c Counter, e Epoch) int { return cmp.Compare(c.Epoch, e) })
	if !ok {
		return 0
	}
	return v[i].Seq
}

func (v Version) String() string {
	parts := make([]string, len(v))
	for i, c := range v {
		parts[i] = fmt.Sprintf("%v:%d", c.Epoch, c.Seq)
	}
	return "{" + strings.Join(parts, " ") + "}"
}
