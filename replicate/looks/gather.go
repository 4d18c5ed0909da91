package looks

import "duet/scan"

// Gathered gathers the findings of one examination, so that both halves of a
// rename are committed, and told to the peer, together.
type Gathered struct {
	emit     func([]scan.Finding, []scan.Problem) error
	found    []scan.Finding
	problems []scan.Problem
	bytes    int // of the contents
}

// maxGathered bounds what is committed together.
const maxGathered = 20000

// maxContent bounds the bytes of their contents.
const maxContent = 8 << 20

// Gather returns a Gathered that hands on to emit.
func Gather(emit func([]scan.Finding, []scan.Problem) error) *Gathered {
	return &Gathered{emit: emit}
}

// Add takes part of what was seen.
func (c *Gathered) Add(found []scan.Finding, problems []scan.Problem) error {
	for i := range found {
		if c.bytes += len(found[i].Content); c.bytes > maxContent {
			found[i].Content = nil // the feed reads it again, from the page cache
		}
	}
	c.found = append(c.found, found...)
	c.problems = append(c.problems, problems...)
	if len(c.found)+len(c.problems) < maxGathered {
		return nil
	}
	return c.Flush()
}

// Flush hands on what was not yet.
func (c *Gathered) Flush() error {
	if len(c.found)+len(c.problems) == 0 {
		return nil
	}
	err := c.emit(c.found, c.problems)
	c.found, c.problems, c.bytes = nil, nil, 0
	return err
}
