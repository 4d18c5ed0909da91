package rounds

import (
	"slices"

	"duet/replicate/wire"
	"duet/store/index"
)

// maxSmall bounds the contents that came along and wait to be staged, with
// their paths and what it takes to remember them.
const (
	maxSmall  = 32 << 20
	smallCost = 256
)

// along is contents that came along with changes, until they are staged.
type along struct {
	small map[index.Path]small
	bytes int64
	order []index.Path // of small, oldest first
}

type small struct {
	hash    index.Hash
	content []byte
}

// remember keeps contents that came along with changes until they are staged.
// What does not fit is fetched later.
func (a *along) remember(m *wire.Changes) {
	for i := range m.Changes {
		c := &m.Changes[i]
		if len(c.Content) == 0 {
			continue
		}
		a.forget(c.Path)
		if a.small == nil {
			a.small = map[index.Path]small{}
		}
		a.small[c.Path] = small{c.Entry.Hash, c.Content}
		a.order = append(a.order, c.Path)
		a.bytes += smallBytes(c.Path, c.Content)
		c.Content = nil
	}
	for a.bytes > maxSmall && len(a.order) > 0 {
		p := a.order[0]
		a.order = a.order[1:]
		a.forget(p)
	}
	if len(a.order) > 2*len(a.small)+64 {
		a.order = slices.DeleteFunc(a.order, func(p index.Path) bool { _, ok := a.small[p]; return !ok })
	}
}

func smallBytes(p index.Path, content []byte) int64 {
	return int64(len(p) + len(content) + smallCost)
}

func (a *along) forget(p index.Path) {
	if s, ok := a.small[p]; ok {
		a.bytes -= smallBytes(p, s.content)
		delete(a.small, p)
	}
}
