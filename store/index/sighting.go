package index

import "fmt"

// Sighting is how, and when, a node noticed an edit of its own. The zero
// Sighting says that nobody knows.
type Sighting struct {
	How  How
	Time int64 // ns since 1970, by that node's clock
}

func (s Sighting) check() error {
	switch {
	case s.How > ByRule:
		return fmt.Errorf("a sighting of unknown kind %d", s.How)
	case s.How == 0 && s.Time != 0:
		return fmt.Errorf("a sighting at %d of no kind", s.Time)
	}
	return nil
}
