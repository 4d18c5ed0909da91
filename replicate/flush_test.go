package replicate_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"duet/replicate"
	"duet/replicate/report"
	"duet/scan"
)

// flushes asks a node whether both sides have everything, and what it waits for
// if not.
func (n *node) flushes(want report.For, says string) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), max(patience, 20*time.Second))
	defer cancel()
	err := n.share.Flush(ctx)
	var stuck *report.StuckError
	switch {
	case want == "" && err == nil:
	case !errors.As(err, &stuck) || stuck.For != want || !strings.Contains(err.Error(), says):
		n.t.Errorf("%s: flush: %v, want it to wait for %s, %q", n.cfg.NodeName, err, want, says)
	}
}

// Flush does not wait for a person: on either host it says what one has to do,
// when all that can be done is done.
func TestFlushWhileDeletesWait(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(c *replicate.Config) { c.MaxDelete = "5" })
	p.a.many("f", 20)
	p.start()
	p.settle()
	p.removeApart("f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9")
	p.a.write("news", "news")
	p.a.flushes(report.ForApproval, "on the other host: a deleted")
	if got := p.b.read("news"); got != "news" {
		t.Errorf("it was not waited for what can be done: news is %q", got)
	}
	p.b.flushes(report.ForApproval, "duet approve s")
	if err := p.b.share.Approve(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	p.a.flushes("", "")
	p.b.flushes("", "")
}

func TestFlushWhileConflictsAreHeld(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(c *replicate.Config) { c.Conflict = "hold" })
	p.a.write("x", "a's")
	p.b.write("x", "b's, longer")
	p.start()
	p.a.write("news", "news")
	for _, n := range []*node{p.a, p.b} {
		n.flushes(report.ForConflicts, "duet conflicts")
	}
	if got := p.b.read("news"); got != "news" {
		t.Errorf("it was not waited for what can be done: news is %q", got)
	}
}

func TestFlushWhilePaused(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.start()
	p.settle()
	if err := p.b.share.Pause(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.b.write("up", "b's")
	p.b.flushes("", "") // which only stops writing there
	p.a.write("x", "a's")
	p.a.flushes(report.ForResume, "on the other host: paused")
	p.b.flushes(report.ForResume, "duet resume")
}

func TestFlushWithProblems(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	shut, _ := p.b.faulty()
	p.a.write("bad/x", "1")
	p.start()
	p.settle()
	shut.Store(true)
	if err := p.b.share.Rescan(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.b.until("the problem", func(st report.Status) bool { return len(st.Problems) == 1 })
	p.a.write("bad/x", "22")
	p.b.flushes(report.ForProblems, "cannot sync 1 path")
	p.a.flushes(report.ForProblems, "on the other host: cannot sync 1 path")
	shut.Store(false)
	p.until("the end of the problem", func() bool { return p.b.read("bad/x") == "22" })
	p.settle()
}

// slow is a watcher that tells of everything somewhat later.
type slow struct {
	scan.Watcher
	events chan scan.Event
}

func (s slow) Events() <-chan scan.Event { return s.events }

func (s slow) Mark(dir string) (<-chan struct{}, error) {
	return s.Watcher.(interface {
		Mark(dir string) (<-chan struct{}, error)
	}).Mark(dir)
}

// What was written before Flush is on both sides after it, although the kernel
// has not told of it when Flush is called.
func TestFlushNoticesWhatWasJustWritten(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.a.cfg.Doors.Watch = slowWatcher(p.a.root)
	p.start()
	p.settle()
	for i := range 5 {
		name, content := fmt.Sprint("f", i%3), fmt.Sprint("content ", i)
		p.a.write(name, content)
		p.a.flushes("", "")
		if got := p.b.read(name); got != content {
			t.Fatalf("%d: after flush, %s is %q there", i, name, got)
		}
	}
}
