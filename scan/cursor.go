package scan

import "duet/store/index"

// chunk is how many records a cursor asks for at a time.
const chunk = 1000

// cursor reads the index in walk order, from one path on, as far as it stays
// in one subtree. It holds one chunk.
type cursor struct {
	lookup Lookup
	bound  index.Path // Root: to the end
	last   index.Path // asked up to here
	buf    []*index.Record
	end    bool
}

// newCursor starts at from itself; bound is from or a directory above it.
func newCursor(o *WalkOptions, from, bound index.Path) (*cursor, error) {
	c := &cursor{lookup: o.Lookup, bound: bound, last: from}
	if from == index.Root {
		return c, nil
	}
	r, err := o.Get(from)
	if r != nil {
		c.buf = []*index.Record{r}
	}
	return c, err
}

// peek returns the next record, nil at the end.
func (c *cursor) peek() (*index.Record, error) {
	if len(c.buf) == 0 && !c.end {
		buf, err := c.lookup(c.last, chunk)
		if err != nil {
			return nil, err
		}
		c.end = len(buf) < chunk
		if len(buf) > 0 {
			c.last = buf[len(buf)-1].Path
		}
		for i, r := range buf {
			if !r.Path.Under(c.bound) {
				buf, c.end = buf[:i], true
				break
			}
		}
		c.buf = buf
	}
	if len(c.buf) == 0 {
		return nil, nil
	}
	return c.buf[0], nil
}

func (c *cursor) drop() { c.buf = c.buf[1:] }
