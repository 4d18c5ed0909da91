package ruling

import (
	"maps"
	"slices"

	"duet/diff"
	"duet/store"
	"duet/store/index"
)

// Case is one path with a conflict that nobody has settled.
type Case struct {
	Path   index.Path
	Record *index.Record    // never nil
	Open   []index.Conflict // that a rule settled, oldest first
	diff.Dispute
}

// Find returns the paths that have an open or a held conflict, in walk order.
func Find(tx *store.Tx, match func(index.Path) bool) ([]index.Path, error) {
	found := map[index.Path]bool{}
	want := func(p index.Path) bool { return match == nil || match(p) }
	for r, err := range tx.Held() {
		if err != nil {
			return nil, err
		}
		if want(r.Path) {
			found[r.Path] = true
		}
	}
	for c, err := range tx.Conflicts() {
		if err != nil {
			return nil, err
		}
		if !c.Closed && want(c.Path) {
			found[c.Path] = true
		}
	}
	return slices.SortedFunc(maps.Keys(found), index.Path.Compare), nil
}

// CaseOf looks at one path, on node self. It returns nil if nothing is open
// there. Of several conflicts of a path the newest is the one to choose in; the
// choice settles all of them.
func CaseOf(tx *store.Tx, p index.Path, self index.NodeID) (*Case, error) {
	r, err := tx.Get(p)
	if err != nil {
		return nil, err
	}
	if r == nil {
		r = &index.Record{Path: p}
	}
	all, err := tx.ConflictsOf(p)
	if err != nil {
		return nil, err
	}
	c := &Case{Path: p, Record: r}
	for _, one := range all {
		if !one.Closed {
			c.Open = append(c.Open, one)
		}
	}
	switch {
	case r.Next == index.Held:
		c.Dispute = diff.Dispute{Ours: r.Ours, Theirs: r.Theirs, Held: true}
	case len(c.Open) == 0:
		return nil, nil
	default:
		c.Dispute = diff.DisputeOf(c.Last(), self)
	}
	return c, nil
}

// Last is the newest of the open conflicts; nil if there is none.
func (c *Case) Last() *index.Conflict {
	if len(c.Open) == 0 {
		return nil
	}
	return &c.Open[len(c.Open)-1]
}

// upto is the version of all that a person looks at who settles c.
func (c *Case) upto() index.Version {
	var v index.Version
	add := func(e *index.Entry) {
		if e != nil {
			v = v.Join(e.Version)
		}
	}
	if c.Held {
		add(c.Record.Ours)
		add(c.Record.Theirs)
	}
	for i := range c.Open {
		add(c.Open[i].Winner)
		add(c.Open[i].Loser)
	}
	return v
}

// MovedOn reports whether the path is something else by now than either side of
// the conflict.
func (c *Case) MovedOn() bool {
	if c.Held {
		return false
	}
	now := c.Record.Ours
	return !index.SameContent(now, c.Ours) && !index.SameContent(now, c.Theirs) && (now.Live() || c.Ours.Live() && c.Theirs.Live())
}
