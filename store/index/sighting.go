package index

import "fmt"

// Sighting is how, and when, a node noticed an edit of its own. The zero
// Sighting says that nobody knows.
type Sighting struct {
	How  How
	Time int64 // ns since 1970, by that node's clock

	// Other is the other end of a rename, if that node saw one: where the thing
	// came from or, of a tombstone, where it went. An event has it as From or To.
	Other Path
}

func (s Sighting) check() error {
	switch {
	case s.How > ByRule:
		return fmt.Errorf("a sighting of unknown kind %d", s.How)
	case s.How == 0 && s != Sighting{}:
		return fmt.Errorf("a sighting at %d of no kind", s.Time)
	case s.Other == Root:
		return nil
	}
	return checkPath("sighting", s.Other)
}
