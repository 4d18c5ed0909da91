package replicate_test

import (
	"context"
	"fmt"
	"testing"

	"duet/replicate"
	"duet/replicate/report"
)

// An approval is for the deletes that waited, and outlives whatever else is
// heard before they are done: on a busy share there is always something.
func TestApprovalOutlivesOtherNews(t *testing.T) {
	p := newPair(t, func(c *replicate.Config) { c.MaxDelete = "10" })
	for i := range 30 {
		p.a.write(fmt.Sprint("f", i), "x")
	}
	p.start()
	p.settle()
	for i := range 20 {
		p.a.remove(fmt.Sprint("f", i))
	}
	p.a.until("all deletes", func(st report.Status) bool { return st.Files == 10 && st.Acked == st.Head })
	p.b.until("approval", func(st report.Status) bool { return st.Waiting != nil })
	if err := p.b.share.Pause(context.Background()); err != nil { // so that nothing is done before the news
		t.Fatal(err)
	}
	if err := p.b.share.Approve(context.Background(), ""); err != nil {
		t.Fatal(err)
	}
	heard := p.b.share.Status().Heard
	p.a.write("news", "something else")
	p.b.until("news", func(st report.Status) bool { return st.Heard > heard })
	if err := p.b.share.Resume(context.Background()); err != nil {
		t.Fatal(err)
	}
	p.settle()
	if st := p.b.share.Status(); st.Files != 11 {
		t.Errorf("%d files are left, want 11", st.Files)
	}
}
