// Package checkup finds out whether two nodes have what they believe to have,
// because a person asks, the peer does, or the configuration says when. Each
// node reads its own tree and looks whether it is what its index says; then
// both indexes are compared, by digests of ranges. On request what is damaged is
// brought back, and what both wrongly take for agreement is decided anew.
//
// A Checkup belongs to the loop of its share. The reading, which may take
// days, is done elsewhere; what is found goes through the loop and its writer
// lane, one path at a time, as edits and orders do.
package checkup

import (
	"log/slog"
	"sync/atomic"
	"time"

	"duet/replicate/book"
	"duet/replicate/install"
	"duet/replicate/post"
	"duet/replicate/report"
	"duet/scan"
	"duet/store"
	"duet/store/index"
)

// Options are what a Checkup has to know of its share.
type Options struct {
	Node, Peer string // names, for people
	Self       index.NodeID
	Book       *book.Book
	Facts      scan.Facts
	Env        install.Env      // for repairs
	Owner      bool             // this process may give files to other users
	Names      uint64           // random: names in the stage of one process never meet another's
	Every      time.Duration    // between two by rule; 0: there are none
	Rate       int64            // bytes a second unless a person says otherwise; negative: as fast as it goes
	Settle     time.Duration    // quiet time before a touched file is looked at
	Clock      func() time.Time // for times that are written down
	Log        *slog.Logger
	*post.Loop
}

// Checkup is the verification of this node's tree, as the loop sees it: one
// at a time. Verify, Compare and ForPeer may be called from any goroutine but
// the loop's, which then does the work; the other methods belong to the loop.
type Checkup struct {
	Options

	look   *look
	byRule bool      // one is under way that nobody watches
	due    time.Time // when the next one begins by itself; zero: not known yet
	room   time.Time // none does before this: a person is about to begin one
	totals atomic.Pointer[Totals]

	contents, tree store.Verified // the last ones
	half           store.Verified // one by rule that is not finished
}

// New returns a Checkup of which none is under way.
func New(o Options) *Checkup { return &Checkup{Options: o} }

// Running reports whether this node's tree is being verified.
func (c *Checkup) Running() bool { return c.look != nil }

// Describe is what the status says of verifications.
func (c *Checkup) Describe(now time.Time) *report.Verify {
	out := &report.Verify{Contents: report.NewVerified(c.contents), Tree: report.NewVerified(c.tree), Next: c.due}
	if k := c.look; k != nil {
		t := c.totals.Load()
		run := &report.Verifying{
			Since: k.began, By: k.o.How.String(), Content: k.o.Content,
			Files: t.Files, Bytes: t.Bytes, AllFiles: t.AllFiles, AllBytes: t.AllBytes,
		}
		if secs := now.Sub(k.began).Seconds(); secs > 0 {
			run.Rate = float64(max(0, t.Bytes-k.o.From.Bytes)) / secs
		}
		if left := t.AllBytes - t.Bytes; left > 0 && run.Rate > 0 {
			run.Left = float64(left) / run.Rate
		}
		out.Running = run
	}
	if h := c.half; h.Began != 0 {
		out.Half = &report.Half{Began: time.Unix(0, h.Began), Files: h.Files, Bytes: h.Bytes, After: h.After.String()}
	}
	if *out == (report.Verify{}) {
		return nil
	}
	return out
}
