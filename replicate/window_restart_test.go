package replicate_test

import (
	"fmt"
	"testing"

	"duet/replicate"
	"duet/replicate/report"
)

// Deletes that happened just before a restart count with those after it: a
// restart is no way around max_delete. What a person approved does not count.
func TestDeletesCountAcrossARestart(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(c *replicate.Config) { c.MaxDelete = "10" })
	for i := range 60 {
		p.a.write(fmt.Sprintf("f%02d", i), fmt.Sprint("content ", i))
	}
	p.start()
	p.settle()
	next := 0
	remove := func(n int) { // heard of together
		p.part()
		for range n {
			p.a.remove(fmt.Sprintf("f%02d", next))
			next++
		}
		p.noticed()
		p.join()
	}
	restart := func() {
		p.b.stop()
		p.b.start()
		p.join()
	}
	remove(12)
	st := p.b.until("deletes to wait", func(st report.Status) bool { return st.Waiting != nil && st.Waiting.Deletes == 12 })
	if err := p.b.share.Approve(t.Context(), st.Waiting.ID); err != nil {
		t.Fatal(err)
	}
	p.settle()
	restart()
	remove(8) // the approved ones do not count
	p.settle()
	restart()
	remove(5)
	p.b.until("deletes to wait", func(st report.Status) bool { return st.Waiting != nil && st.Waiting.Deletes == 5 })
}
