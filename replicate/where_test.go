package replicate_test

import (
	"context"
	"path/filepath"
	"syscall"
	"testing"

	"duet/replicate"
	"duet/replicate/report"
)

// What a share has to do with a path just now is known of each path by itself.
func TestMoment(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(c *replicate.Config) { c.MaxDelete = "1" })
	p.a.many("f", 4)
	if err := syscall.Mkfifo(filepath.Join(p.a.root, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.start()
	p.a.until("the scan", func(st report.Status) bool { return st.Skipped == 1 })
	p.until("the files", func() bool { return p.b.read("f3") == "x" })
	p.a.until("the end of b's scan", func(st report.Status) bool { return st.Connected }) // files cross before it
	ctx := context.Background()
	m, err := p.a.share.Moment(ctx, "pipe")
	if err != nil || m.Own == nil || !m.Own.Skipped || m.Own.Path != "pipe" || m.Own.Since.IsZero() || !m.Connected {
		t.Errorf("a FIFO: %+v, %+v, %v", m, m.Own, err)
	}
	if m, err := p.a.share.Moment(ctx, "pipe/below"); err != nil || m.Own != nil || m.Above == nil || m.Above.Path != "pipe" {
		t.Errorf("below a FIFO: %+v, %v", m, err)
	}
	if m, err := p.a.share.Moment(ctx, "f1"); err != nil || m.Own != nil || m.Above != nil || m.Waiting != nil {
		t.Errorf("a file: %+v, %v", m, err)
	}
	p.removeApart("f0", "f1", "f2")
	p.b.until("approval", isState(report.WaitingApproval))
	if m, err := p.b.share.Moment(ctx, "f1"); err != nil || m.Waiting == nil || m.State != report.WaitingApproval {
		t.Errorf("a delete that waits: %+v, %v", m, err)
	}
}
