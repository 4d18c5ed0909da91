package index

import (
	"errors"
	"fmt"
	"slices"

	"duet/store/index/indexpb"
)

// Bounds of a Reserve.
const (
	MaxReservePatterns = 64
	MaxReservePaths    = 4096
	MaxReserveBytes    = 256 << 10 // of patterns and paths
)

// Reserve is what a person has left out of a plan. It waits, on both nodes, until
// a person applies another plan: a later change of such a path waits, too. The
// node on which the person was remembers it, and tells the peer.
type Reserve struct {
	Plan      string // its id
	Time      int64  // ns since 1970
	Only      []Pattern
	Deletes   bool   // what is to be deleted waits
	Conflicts bool   // what both sides changed waits
	Skip      []Path // these wait; sorted
}

// Empty reports whether nothing is left out.
func (s *Reserve) Empty() bool {
	return s == nil || len(s.Only) == 0 && !s.Deletes && !s.Conflicts && len(s.Skip) == 0
}

// Holds reports whether what is to be done at p waits: because p is left out, or
// because it is the removal of something, or the outcome of a conflict.
func (s *Reserve) Holds(p Path, removal, conflict bool) bool {
	switch {
	case s.Empty():
		return false
	case removal && s.Deletes, conflict && s.Conflicts:
		return true
	}
	return s.Excludes(p) || s.Skips(p)
}

// Excludes reports whether p is selected by none of the patterns.
func (s *Reserve) Excludes(p Path) bool {
	if s == nil || len(s.Only) == 0 {
		return false
	}
	return !slices.ContainsFunc(s.Only, func(o Pattern) bool { return o.Match(p) })
}

// Skips reports whether p is left out by its name.
func (s *Reserve) Skips(p Path) bool {
	if s == nil {
		return false
	}
	_, found := slices.BinarySearchFunc(s.Skip, p, Path.Compare)
	return found
}

// Check reports whether s is within its bounds, and its paths in order.
func (s *Reserve) Check() error {
	if s == nil {
		return nil
	}
	bytes := len(s.Plan)
	for _, o := range s.Only {
		if bytes += len(o.Text()); !o.Valid() {
			return fmt.Errorf("pattern %s is no glob", Quote(o.Text()))
		}
	}
	for i, p := range s.Skip {
		if bytes += len(p); i > 0 && s.Skip[i-1].Compare(p) >= 0 {
			return errors.New("paths that are left out are not in order")
		}
	}
	switch {
	case len(s.Only) > MaxReservePatterns:
		return fmt.Errorf("%d patterns: the limit is %d", len(s.Only), MaxReservePatterns)
	case len(s.Skip) > MaxReservePaths:
		return fmt.Errorf("%d paths are left out: the limit is %d", len(s.Skip), MaxReservePaths)
	case bytes > MaxReserveBytes:
		return fmt.Errorf("paths and patterns of %d bytes: the limit is %d", bytes, MaxReserveBytes)
	case len(s.Plan) > MaxName:
		return fmt.Errorf("a plan's id of %d bytes", len(s.Plan))
	}
	return nil
}

// ReserveProto is s as it is stored and sent; nil if nothing is left out.
func ReserveProto(s *Reserve) *indexpb.Reserve {
	if s.Empty() {
		return nil
	}
	m := &indexpb.Reserve{Plan: []byte(s.Plan), Time: s.Time, Deletes: s.Deletes, Conflicts: s.Conflicts}
	for _, o := range s.Only {
		m.Only = append(m.Only, []byte(o.Text()))
	}
	for _, p := range s.Skip {
		m.Skip = append(m.Skip, []byte(p))
	}
	return m
}

// ReserveFrom reads what ReserveProto wrote, or a peer.
func ReserveFrom(m *indexpb.Reserve) (*Reserve, error) {
	if m == nil {
		return nil, nil
	}
	s := &Reserve{Plan: string(m.Plan), Time: m.Time, Deletes: m.Deletes, Conflicts: m.Conflicts}
	for _, text := range m.Only {
		o, err := ParsePattern(string(text))
		if err != nil {
			return nil, err
		}
		s.Only = append(s.Only, o)
	}
	for _, raw := range m.Skip {
		p, err := ParsePath(string(raw))
		if err != nil {
			return nil, err
		}
		s.Skip = append(s.Skip, p)
	}
	return s, s.Check()
}
