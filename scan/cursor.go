package scan

import "duet/store/index"

// A cursor asks for few records at first, because most paths that Examine
// reads from have none below them, and then for more at a time.
const (
	firstChunk = 8
	portion    = 1024
)

// cursor reads the index in walk order, from one path on, as far as it stays
// in one subtree. It holds one portion.
type cursor struct {
	lookup Lookup
	bound  index.Path // Root: to the end
	last   index.Path // asked up to here
	size   int        // of the next portion
	buf    []index.Sealed
	end    bool
}

// newCursor starts at from itself; bound is from or a directory above it.
func newCursor(o *WalkOptions, from, bound index.Path) (*cursor, error) {
	c := &cursor{lookup: o.Lookup, bound: bound, last: from, size: firstChunk}
	if from == index.Root {
		c.size = portion
		return c, nil
	}
	r, err := o.Get(from)
	if r != nil {
		c.buf = []index.Sealed{index.Seal(r)}
	}
	return c, err
}

// peek returns the next record, nil at the end.
func (c *cursor) peek() (*index.Sealed, error) {
	if len(c.buf) == 0 && !c.end {
		buf, err := c.lookup(c.last, c.bound, c.size)
		if err != nil {
			return nil, err
		}
		c.end = len(buf) < c.size
		c.size = min(8*c.size, portion)
		if len(buf) > 0 {
			r, err := buf[len(buf)-1].Open()
			if err != nil {
				return nil, err
			}
			c.last = r.Path
		}
		c.buf = buf
	}
	if len(c.buf) == 0 {
		return nil, nil
	}
	return &c.buf[0], nil
}

func (c *cursor) drop() { c.buf = c.buf[1:] }

// next reads the next record and goes on; nil at the end.
func (c *cursor) next() (*index.Record, error) {
	sealed, err := c.peek()
	if err != nil || sealed == nil {
		return nil, err
	}
	c.drop()
	return sealed.Open()
}
