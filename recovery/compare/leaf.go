package compare

import (
	"fmt"

	"duet/store/index"
)

// leaf compares a range path by path: with what this node has there, read
// first and at once, what the peer lists is merged as it comes, however much
// that is.
func (c *comparison) leaf(r Range) error {
	items, here, ok, err := c.mine.few(r, 2*maxLeaf)
	if err != nil {
		return err
	}
	if !ok { // it has grown since it was cut
		blocks, _, err := c.mine.cut(c.ctx, r, minBlock)
		if err != nil {
			return err
		}
		for _, b := range blocks {
			if err := c.leaf(b.Range); err != nil {
				return err
			}
		}
		return nil
	}
	m := &merging{comparison: c, r: r, mine: items, here: here}
	if err := c.peer.List(c.ctx, r, m.listed); err != nil {
		return err
	}
	return m.rest()
}

// merging is one leaf at work.
type merging struct {
	*comparison
	r     Range
	mine  []Item // not yet passed
	here  At
	there At         // when the list began: what a gap in it is of is not known better
	last  index.Path // of what the peer listed
	begun bool
}

// listed takes a piece of the peer's list.
func (m *merging) listed(theirs []Item, there At) error {
	if !m.begun {
		m.there, m.begun = there, true
	}
	for i := range theirs {
		t := &theirs[i]
		if !m.r.has(t.Path) || m.last != index.Root && t.Path.Compare(m.last) <= 0 || t.Entry == nil {
			return fmt.Errorf("the peer listed %v, which is out of order or was not asked for", t.Path)
		}
		m.last = t.Path
		if err := m.upto(t.Path); err != nil {
			return err
		}
		var own *Item
		if len(m.mine) > 0 && m.mine[0].Path == t.Path {
			own, m.mine = &m.mine[0], m.mine[1:]
		}
		if err := m.judged(own, t); err != nil {
			return err
		}
	}
	return nil
}

// upto passes what only this node has before p.
func (m *merging) upto(p index.Path) error {
	for len(m.mine) > 0 && m.mine[0].Path.Compare(p) < 0 {
		if err := m.one(); err != nil {
			return err
		}
	}
	return nil
}

// rest passes what only this node has after the end of the peer's list.
func (m *merging) rest() error {
	for len(m.mine) > 0 {
		if err := m.one(); err != nil {
			return err
		}
	}
	return nil
}

func (m *merging) one() error {
	own := &m.mine[0]
	m.mine = m.mine[1:]
	return m.judged(own, nil)
}

// judged tells of one path.
func (m *merging) judged(own, theirs *Item) error {
	d, ok := judge(own, m.here, theirs, m.there)
	if !ok || d.State != Equal && m.o.Ignored != nil && m.o.Ignored(d) {
		return nil
	}
	if d.State == Drift {
		var err error
		if d, ok, err = m.again(d, own, theirs); err != nil || !ok {
			return err
		}
	}
	return m.tell(d)
}

// again looks at this node's record once more. That the peer has no record of a
// path may be because it deleted it, heard that this node did, too, and dropped
// the tombstone, all since this node's record was read.
func (m *merging) again(d Difference, own, theirs *Item) (Difference, bool, error) {
	now, here, err := m.comparison.mine.get(d.Path)
	if err != nil {
		return d, false, err
	}
	was := Item{}
	if own != nil {
		was = *own
	}
	if now == nil && was.Entry == nil || now != nil && now.Pos == was.Pos && now.Next == was.Next {
		return d, true, nil
	}
	d, ok := judge(now, here, theirs, m.there)
	if ok && d.State == Drift {
		d.State = Moving // read after the peer's, it proves nothing
	}
	return d, ok, nil
}
