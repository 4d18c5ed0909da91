// Package stock keeps contents of small files for a moment, by path: on their way
// into the peer's ear they need not be read again, and on their way into the
// stage not fetched. Whoever puts more in than fits loses the oldest, which costs
// no more than that.
package stock

import (
	"slices"

	"duet/store/index"
)

// cost is what it takes to remember a content, besides its bytes and its path.
const cost = 256

// Contents are what is kept. The zero Contents keeps nothing; Most is set first.
// Not for use from several goroutines.
type Contents struct {
	Most   int64 // bytes, with the paths and what it takes to remember them
	byPath map[index.Path]held
	bytes  int64
	order  []turn // of byPath, oldest first; and of some that are gone, or came again
	count  uint64
}

// held is a content that came as the nth of all.
type held struct {
	Content
	nth uint64
}

// turn is when a path's content came.
type turn struct {
	path index.Path
	nth  uint64
}

// Content is one content, and what was said that its hash is.
type Content struct {
	Path  index.Path
	Hash  index.Hash
	Bytes []byte
}

// Put keeps c, in place of what is kept for its path.
func (s *Contents) Put(c Content) {
	s.Drop(c.Path)
	if s.byPath == nil {
		s.byPath = map[index.Path]held{}
	}
	s.count++
	s.byPath[c.Path] = held{c, s.count}
	s.order = append(s.order, turn{c.Path, s.count})
	s.bytes += c.size()
	for s.bytes > s.Most && len(s.order) > 0 {
		t := s.order[0]
		s.order = s.order[1:]
		if !s.past(t) {
			s.Drop(t.path)
		}
	}
	if len(s.order) > 2*len(s.byPath)+64 {
		s.order = slices.DeleteFunc(s.order, s.past)
	}
}

// past says whether what came at t is gone, or has come again since.
func (s *Contents) past(t turn) bool { return s.byPath[t.path].nth != t.nth }

// Get returns what is kept for a path, if it is said to have this hash.
func (s *Contents) Get(p index.Path, h index.Hash) ([]byte, bool) {
	c, ok := s.byPath[p]
	if !ok || c.Hash != h {
		return nil, false
	}
	return c.Bytes, true
}

// Drop forgets what is kept for a path.
func (s *Contents) Drop(p index.Path) {
	if c, ok := s.byPath[p]; ok {
		s.bytes -= c.size()
		delete(s.byPath, p)
	}
}

func (c Content) size() int64 { return int64(len(c.Path) + len(c.Bytes) + cost) }
