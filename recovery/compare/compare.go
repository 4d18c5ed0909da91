// Package compare finds where the indexes of two nodes differ, now, without
// holding either in memory and without sending what is equal.
//
// A digest stands for all that a node has in a range of paths. The two nodes
// compare the digest of everything; if those differ, this node cuts the range
// into up to a thousand blocks, and the digests of these are compared; blocks
// that differ are cut again, or, when they are small, listed by the other
// node. Walk order is the order of the index, so a subtree is a range like any
// other, and a directory with a million files no special case. (The idea is
// that of range-based set reconciliation: A. Meyer, "Range-Based Set
// Reconciliation and Authenticated Set Representations", 2023.)
//
// Equal indexes cost each node one pass over its own, and a few hundred bytes.
//
// Neither index stands still meanwhile. That is why an answer comes with the
// journal positions that it is of: a difference that one of the nodes has not
// heard of yet is told from one that both take for agreement.
package compare

import (
	"context"
	"fmt"
	"math"

	"duet/store/index"
)

// Peer asks the other node. What comes back has been checked by nobody.
type Peer struct {
	Digests func(ctx context.Context, r Range, cuts []index.Path) ([]Digest, At, error)
	List    func(ctx context.Context, r Range, f func([]Item, At) error) error
}

// Options say what is to be compared.
type Options struct {
	Under index.Path // this path and what is below it; Root: everything
	All   bool       // emit what is the same, too
	// Ignored reports whether a path is left alone because one of the nodes
	// ignores it. Records say so as well, but not always on both nodes at once.
	Ignored func(Difference) bool
}

// Summary is what a comparison comes to.
type Summary struct {
	Ours, Theirs Digest // of the whole range, at the beginning
	Here, There  At     // at the beginning
	Until        At     // of this node, at the end
	Letters      map[Letter]int64
	States       map[State]int64
}

// Agreed reports whether both nodes have the same.
func (s *Summary) Agreed() bool { return s.Differences() == 0 }

// Differences is how many paths differ, for whatever reason.
func (s *Summary) Differences() (n int64) {
	for l, c := range s.Letters {
		if l != Same {
			n += c
		}
	}
	return n
}

// maxLeaf is how many records of this node are held in memory at once, and
// compared with a list.
const maxLeaf = 4096

type comparison struct {
	ctx  context.Context
	mine Index
	peer Peer
	o    Options
	emit func(Difference) error
	sum  Summary
}

// Run compares mine with the peer's index and emits differences in walk order.
// While emit takes its time, no transaction is open.
func Run(ctx context.Context, mine Index, peer Peer, o Options, emit func(Difference) error) (Summary, error) {
	c := &comparison{ctx: ctx, mine: mine, peer: peer, o: o, emit: emit}
	c.sum.Letters, c.sum.States = map[Letter]int64{}, map[State]int64{}
	err := c.run()
	if err == nil {
		_, c.sum.Until, err = mine.get(index.Root)
	}
	return c.sum, err
}

func (c *comparison) run() error {
	whole := Range{Under: c.o.Under}
	type answer struct {
		digests []Digest
		at      At
		err     error
	}
	theirs := make(chan answer, 1)
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	go func() { // both nodes go through their indexes at the same time
		d, at, err := c.digests(ctx, whole, nil)
		theirs <- answer{d, at, err}
	}()
	blocks, at, err := c.mine.cut(c.ctx, whole, math.MaxInt)
	if err != nil {
		cancel()
		<-theirs
		return err
	}
	a := <-theirs
	if a.err != nil {
		return a.err
	}
	c.sum.Ours, c.sum.Here, c.sum.Theirs, c.sum.There = blocks[0].digest, at, a.digests[0], a.at
	if c.sum.Ours == c.sum.Theirs {
		return c.same(blocks[0])
	}
	return c.differ(blocks[0])
}

// digests asks the peer, and checks that it answered.
func (c *comparison) digests(ctx context.Context, r Range, cuts []index.Path) ([]Digest, At, error) {
	d, at, err := c.peer.Digests(ctx, r, cuts)
	if err == nil && len(d) != len(cuts)+1 {
		err = fmt.Errorf("the peer answered with %d digests, and was asked for %d", len(d), len(cuts)+1)
	}
	return d, at, err
}

// differ finds the differences in a block whose digests differ.
func (c *comparison) differ(b block) error {
	if b.weight <= maxLeaf {
		return c.leaf(b.Range)
	}
	blocks, _, err := c.mine.cut(c.ctx, b.Range, max(minBlock, b.weight/maxCuts+1))
	if err != nil {
		return err
	}
	if len(blocks) == 1 { // the index shrank meanwhile, or the paths are very long
		return c.leaf(b.Range)
	}
	cuts := make([]index.Path, len(blocks)-1)
	for i := range cuts {
		cuts[i] = blocks[i].Through
	}
	theirs, _, err := c.digests(c.ctx, b.Range, cuts)
	if err != nil {
		return err
	}
	for i := 0; i < len(blocks); {
		b := blocks[i]
		if theirs[i] == b.digest {
			if err := c.same(b); err != nil {
				return err
			}
			i++
			continue
		}
		// Neighbours that differ as well are listed with it: one question
		// instead of several.
		for i++; i < len(blocks) && theirs[i] != blocks[i].digest && b.weight+blocks[i].weight <= maxLeaf; i++ {
			b.Through = blocks[i].Through
			b.weight += blocks[i].weight
		}
		if err := c.differ(b); err != nil {
			return err
		}
	}
	return nil
}

// same goes through a block whose digests are the same.
func (c *comparison) same(b block) error {
	if !c.o.All {
		c.sum.Letters[Same] += b.digest.Count
		c.sum.States[Equal] += b.digest.Count
		return nil
	}
	return c.mine.List(c.ctx, b.Range, func(items []Item, _ At) error {
		for i := range items {
			if e := items[i].Entry; e.Live() {
				if err := c.tell(Difference{Path: items[i].Path, Letter: Same, State: Equal, Ours: e, Theirs: e}); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// tell counts a difference and passes it on.
func (c *comparison) tell(d Difference) error {
	c.sum.Letters[d.Letter]++
	c.sum.States[d.State]++
	if d.Letter == Same && !c.o.All {
		return nil
	}
	return c.emit(d)
}
