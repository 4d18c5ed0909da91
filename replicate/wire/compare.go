package wire

import (
	"errors"
	"fmt"

	"duet/replicate/wire/wirepb"
	"duet/store/index"
)

// Compare asks about a range of the receiver's index: see recovery/compare. The
// answer is Digests, one for each part that the cuts make, or with List a
// number of Listings; or a Control that refuses.
type Compare struct {
	Under, After, Through index.Path   // Root where there is no such bound
	Cuts                  []index.Path // increasing, at most MaxCuts
	Owners                bool         // owners have a part in digests
	List                  bool         // Cuts are then absent
}

// Digests answers a Compare.
type Digests struct {
	Digests     []Digest  // at least one, at most MaxCuts+1
	Head, Heard index.Seq // the sender's journal, and how far it has heard the receiver's
}

// Digest is of a part of a range.
type Digest struct {
	Sum   index.Hash
	Count int64 // entries
}

// Listing is a piece of the answer to a Compare that lists.
type Listing struct {
	Items       []Item // increasing, at most MaxItems
	Head, Heard index.Seq
	Last        bool // nothing more comes
}

// Item is what the sender has at a path; a tombstone is something.
type Item struct {
	Path  index.Path
	Entry *index.Entry
	Pos   index.Seq // not 0
	Next  index.Next
}

func (m *Compare) check() error {
	for _, p := range []index.Path{m.Under, m.After, m.Through} {
		if err := checkBound(p); err != nil {
			return err
		}
	}
	if len(m.Cuts) > MaxCuts {
		return fmt.Errorf("%d cuts: the limit is %d", len(m.Cuts), MaxCuts)
	}
	if m.List && len(m.Cuts) > 0 {
		return errors.New("a list has no cuts")
	}
	for i, p := range m.Cuts {
		if _, err := index.ParsePath(string(p)); err != nil {
			return err
		}
		if i > 0 && p.Compare(m.Cuts[i-1]) <= 0 {
			return fmt.Errorf("cut %d is out of order", i)
		}
	}
	return nil
}

// checkBound is ParsePath for what may be absent.
func checkBound(p index.Path) error {
	if p == index.Root {
		return nil
	}
	_, err := index.ParsePath(string(p))
	return err
}

func (m *Digests) check() error {
	if len(m.Digests) == 0 || len(m.Digests) > MaxCuts+1 {
		return fmt.Errorf("%d digests: must be 1 to %d", len(m.Digests), MaxCuts+1)
	}
	for _, d := range m.Digests {
		if d.Count < 0 {
			return fmt.Errorf("digest of %d entries", d.Count)
		}
	}
	return nil
}

func (m *Listing) check() error {
	if len(m.Items) > MaxItems {
		return fmt.Errorf("%d items: the limit is %d", len(m.Items), MaxItems)
	}
	var last index.Path
	for i := range m.Items {
		it := &m.Items[i]
		if _, err := index.ParsePath(string(it.Path)); err != nil {
			return err
		}
		switch {
		case i > 0 && it.Path.Compare(last) <= 0:
			return fmt.Errorf("item %d is out of order", i)
		case it.Entry == nil:
			return fmt.Errorf("item %d has no entry", i)
		case it.Pos == 0:
			return fmt.Errorf("item %d is at no position", i)
		case it.Next > index.Held:
			return fmt.Errorf("item %d: next %d is unknown", i, uint8(it.Next))
		}
		last = it.Path
	}
	return nil
}

func (m *Compare) proto() *wirepb.Compare {
	p := &wirepb.Compare{Under: []byte(m.Under), After: []byte(m.After), Through: []byte(m.Through), Owners: m.Owners, List: m.List}
	for _, c := range m.Cuts {
		p.Cuts = append(p.Cuts, []byte(c))
	}
	return p
}

func compareFrom(p *wirepb.Compare) *Compare {
	m := &Compare{Under: index.Path(p.Under), After: index.Path(p.After), Through: index.Path(p.Through), Owners: p.Owners, List: p.List}
	for _, c := range p.Cuts {
		m.Cuts = append(m.Cuts, index.Path(c))
	}
	return m
}

func (m *Digests) proto() *wirepb.Digests {
	p := &wirepb.Digests{Head: uint64(m.Head), Heard: uint64(m.Heard)}
	for i := range m.Digests {
		p.Digests = append(p.Digests, &wirepb.Digest{Sum: m.Digests[i].Sum[:], Count: uint64(m.Digests[i].Count)})
	}
	return p
}

func digestsFrom(p *wirepb.Digests) (*Digests, error) {
	m := &Digests{Head: index.Seq(p.Head), Heard: index.Seq(p.Heard)}
	for i, d := range p.Digests {
		if len(d.Sum) != len(index.Hash{}) || d.Count > 1<<62 {
			return nil, fmt.Errorf("digest %d has %d bytes, of %d entries", i, len(d.Sum), d.Count)
		}
		m.Digests = append(m.Digests, Digest{index.Hash(d.Sum), int64(d.Count)})
	}
	return m, nil
}

func (m *Listing) proto() *wirepb.Listing {
	p := &wirepb.Listing{Head: uint64(m.Head), Heard: uint64(m.Heard), Last: m.Last}
	for i := range m.Items {
		it := &m.Items[i]
		pi := &wirepb.Item{Path: []byte(it.Path), Pos: uint64(it.Pos), Next: uint32(it.Next)}
		if it.Entry != nil {
			pi.Entry = index.EntryToProto(it.Entry)
		}
		p.Items = append(p.Items, pi)
	}
	return p
}

func listingFrom(p *wirepb.Listing) (*Listing, error) {
	m := &Listing{Head: index.Seq(p.Head), Heard: index.Seq(p.Heard), Last: p.Last}
	for i, pi := range p.Items {
		e, err := index.EntryFromProto(pi.Entry)
		if err != nil {
			return nil, fmt.Errorf("item %d: %w", i, err)
		}
		if pi.Next > uint32(index.Held) {
			return nil, fmt.Errorf("item %d: next %d is unknown", i, pi.Next)
		}
		m.Items = append(m.Items, Item{index.Path(pi.Path), e, index.Seq(pi.Pos), index.Next(pi.Next)})
	}
	return m, nil
}
