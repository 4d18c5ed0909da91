package wire

import (
	"errors"
	"fmt"
	"slices"

	"duet/replicate/wire/wirepb"
	"duet/store/index"
)

// Changes is a part of the sender's journal: the latest state of every path
// whose position lies after that of the Changes before, up to Through.
type Changes struct {
	Changes []Change  // increasing Pos, at most MaxChanges
	Through index.Seq // nothing is missing up to here; at least the last Pos, but if Ahead
	Head    index.Seq // the sender's last position when it sent this; at least Through
	Run     uint64    // the run that wrote Through, or if Ahead the last Pos

	// Ahead means that these are told ahead of their turn: all lie behind Through,
	// which says nothing new, and are told again when it comes to them.
	Ahead bool

	// Scanning means that the sender's first scan of all goes on: see Hello.
	Scanning bool
}

// Change is the state of one path at the sender.
type Change struct {
	Pos   index.Seq // where the sender's journal last carried it; never 0
	Path  index.Path
	Entry *index.Entry
	// Content is the file's whole content, if it is small and worth sending
	// along: empty, or Entry.Size bytes, at most MaxContent. Nobody has
	// compared it with Entry.Hash yet.
	Content []byte
	// Agreed, if not 0, says: the state of this path is what you announced at
	// this position of yours. Path, Entry and Content are then absent.
	Agreed index.Seq
	// Noticed is how the sender noticed an edit of its own; zero otherwise, or if
	// it is not known, or not known here.
	Noticed index.Sighting
}

// Confirms reports whether m says nothing but what its sender has got from the
// other node.
func (m *Changes) Confirms() bool {
	return !slices.ContainsFunc(m.Changes, func(c Change) bool { return c.Agreed == 0 })
}

// FewSaves is how many saves in a message are a person's: more than that are a storm,
// and in no greater hurry than anything else.
const FewSaves = 32

// Saves returns those of m that go before all else at the receiver: files that a person
// has just saved. What was moved is not among it: its directory may have been, too.
func (m *Changes) Saves() []*Change {
	most := FewSaves
	if m.Ahead {
		most = MaxChanges
	}
	var out []*Change
	for i := range m.Changes {
		c := &m.Changes[i]
		if c.Noticed.How != index.ByWatch || c.Entry.LiveKind() != index.File || c.Noticed.Other != index.Root {
			continue
		}
		if out = append(out, c); len(out) > most {
			return nil
		}
	}
	return out
}

func (m *Changes) check() error {
	if len(m.Changes) > MaxChanges {
		return fmt.Errorf("%d changes: the limit is %d", len(m.Changes), MaxChanges)
	}
	var last index.Seq
	for i := range m.Changes {
		c := &m.Changes[i]
		if c.Pos <= last {
			return fmt.Errorf("change %d is at position %d after %d", i, c.Pos, last)
		}
		last = c.Pos
		if err := c.check(); err != nil {
			return fmt.Errorf("change at position %d: %w", c.Pos, err)
		}
	}
	if m.Ahead {
		if len(m.Changes) == 0 || m.Changes[0].Pos <= m.Through || m.Head < last {
			return fmt.Errorf("%d changes, last %d, ahead of their turn through %d, head %d: out of order", len(m.Changes), last, m.Through, m.Head)
		}
		return nil
	}
	if m.Through < last || m.Head < m.Through {
		return fmt.Errorf("last change %d, through %d, head %d: out of order", last, m.Through, m.Head)
	}
	return nil
}

func (c *Change) check() error {
	if c.Agreed != 0 {
		if c.Path != "" || c.Entry != nil || len(c.Content) > 0 || c.Noticed.How != 0 {
			return errors.New("has both a state and an agreed position")
		}
		return nil
	}
	if _, err := index.ParsePath(string(c.Path)); err != nil {
		return err
	}
	if c.Entry == nil {
		return errors.New("has no entry")
	}
	if c.Noticed.Other != index.Root {
		if _, err := index.ParsePath(string(c.Noticed.Other)); err != nil {
			return fmt.Errorf("moved from or to: %w", err)
		}
	}
	switch {
	case len(c.Content) == 0:
		return nil
	case c.Entry.Kind != index.File:
		return fmt.Errorf("content for a %v", c.Entry.Kind)
	case len(c.Content) > MaxContent:
		return fmt.Errorf("content of %d bytes: the limit is %d", len(c.Content), MaxContent)
	case int64(len(c.Content)) != c.Entry.Size:
		return fmt.Errorf("content of %d bytes for a file of %d", len(c.Content), c.Entry.Size)
	}
	return nil
}

func (m *Changes) proto() *wirepb.Changes {
	p := &wirepb.Changes{Through: uint64(m.Through), Head: uint64(m.Head), Run: m.Run, Scanning: m.Scanning, Ahead: m.Ahead}
	p.Changes = make([]*wirepb.Change, len(m.Changes))
	for i := range m.Changes {
		p.Changes[i] = m.Changes[i].proto()
	}
	return p
}

func changesFrom(p *wirepb.Changes) (*Changes, error) {
	m := &Changes{Through: index.Seq(p.Through), Head: index.Seq(p.Head), Run: p.Run, Scanning: p.Scanning, Ahead: p.Ahead}
	m.Changes = make([]Change, len(p.Changes))
	for i, pc := range p.Changes {
		c, err := changeFrom(pc)
		if err != nil {
			return nil, fmt.Errorf("change at position %d: %w", pc.GetPos(), err)
		}
		m.Changes[i] = c
	}
	return m, nil
}

func (c *Change) proto() *wirepb.Change {
	p := &wirepb.Change{Pos: uint64(c.Pos), Agreed: uint64(c.Agreed), Path: []byte(c.Path), Content: c.Content}
	if c.Entry != nil {
		p.Entry = index.EntryToProto(c.Entry)
	}
	if c.Noticed.How != 0 {
		p.How, p.Time, p.Other = uint32(c.Noticed.How), c.Noticed.Time, []byte(c.Noticed.Other)
	}
	return p
}

func changeFrom(p *wirepb.Change) (Change, error) {
	c := Change{Pos: index.Seq(p.Pos), Agreed: index.Seq(p.Agreed), Path: index.Path(p.Path), Content: p.Content}
	if p.Entry != nil {
		e, err := index.EntryFromProto(p.Entry)
		if err != nil {
			return c, err
		}
		c.Entry = e
	}
	if p.How > 0 && p.How <= uint32(index.ByRule) { // a newer peer may know more
		c.Noticed = index.Sighting{How: index.How(p.How), Time: p.Time, Other: index.Path(p.Other)}
	}
	return c, nil
}
