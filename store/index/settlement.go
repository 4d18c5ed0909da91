package index

import "fmt"

// Settlement says which conflicts of a path a person has settled: those whose
// loser's version Upto covers. It is a part of the path's entry, and so comes
// to the peer with it: there is nothing to be told twice, and nothing to be
// forgotten by one of two nodes. Whoever changes the path later hands it on;
// only an order of a person makes it more, or takes it back.
type Settlement struct {
	Upto Version // never beyond the entry's; empty: no conflict
}

// Covers reports whether a person has settled a conflict whose loser had this
// version.
func (s *Settlement) Covers(loser Version) bool {
	if s == nil {
		return false
	}
	order := loser.Compare(s.Upto)
	return order == Equal || order == Before
}

// Join is what is settled by at least one of two. It stays within v, the
// version of the entry that it is for.
func (s *Settlement) Join(t *Settlement, v Version) *Settlement {
	if s == nil && t == nil {
		return nil
	}
	var upto Version
	for _, one := range []*Settlement{s, t} {
		if one != nil {
			upto = upto.Join(one.Upto)
		}
	}
	return &Settlement{upto.within(v)}
}

// Equal reports whether both say the same.
func (s *Settlement) Equal(t *Settlement) bool {
	if s == nil || t == nil {
		return s == t
	}
	return equalVersions(s.Upto, t.Upto)
}

func (s *Settlement) check(v Version) error {
	if s == nil {
		return nil
	}
	if err := s.Upto.check(); err != nil {
		return fmt.Errorf("settled: %w", err)
	}
	if !equalVersions(s.Upto.within(v), s.Upto) {
		return fmt.Errorf("settled up to %v, which version %v has not seen", s.Upto, v)
	}
	return nil
}

// within is v without the counters that w has not seen: where a version is
// full, its oldest epochs are not there any more.
func (v Version) within(w Version) Version {
	out := make(Version, 0, len(v))
	for _, c := range v {
		if c.Seq <= w.At(c.Epoch) {
			out = append(out, c)
		}
	}
	return out
}
