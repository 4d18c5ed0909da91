package checkup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"duet/recovery/verify"
	"duet/replicate/post"
	"duet/replicate/report"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// Order is what is to be verified of this node's tree.
type Order struct {
	Under   index.Path // this path and what is below it; Root: everything
	Content bool       // read every file
	Repair  bool       // bring damaged content back from another copy
	Rate    int64      // bytes a second; 0: what the configuration says; negative: as fast as it goes
	How     index.How  // ByUser, ByRule or ByPeer

	From store.Verified // one that was interrupted, and goes on; zero: it begins
}

// Totals says how far a verification is.
type Totals struct {
	verify.Totals
	AllFiles, AllBytes int64 // to be read; 0: not known
}

// Finding is a path that is not as the index says.
type Finding struct {
	verify.Finding
	Repaired string // where the good content came from; "": it was not repaired
	Trouble  string // why it could not be
}

// sink gets what a verification finds, as it goes, from one goroutine.
type sink struct {
	Found    func(Finding) error
	Progress func(Totals) error
}

// watchGrace is how long the watcher has to notice what a verification finds
// changed, besides `settle`.
const watchGrace = 2 * time.Second

// roomFor is how long nothing begins by itself after it made room for a person.
const roomFor = 10 * time.Second

// look is one verification at work.
type look struct {
	c      *Checkup
	o      Order
	ctx    context.Context // ends with the root, or when nobody waits any more
	cancel context.CancelFunc
	unhook func() bool // of ctx from the asker's
	files  vfs.Files
	began  time.Time
	marked time.Time // when it was written down last how far it is
	all    Totals    // to be read
	steps  chan lookStep
	ended  chan lookEnd // capacity 1
}

// lookStep is a finding, or how far it is.
type lookStep struct {
	found  *verify.Finding
	totals verify.Totals
}

type lookEnd struct {
	totals verify.Totals
	err    error
}

// errYield means that a verification by rule is making room for a person's.
var errYield = errors.New("another one is ending")

// verifyTree verifies this node's tree. The goroutine that calls it, never the
// loop's, does what there is to do about what is found, while one of the
// share's reads on.
func (c *Checkup) verifyTree(ctx context.Context, o Order, to sink) (store.Verified, error) {
	k, err := c.beginLook(ctx, o)
	if err != nil {
		return store.Verified{}, err
	}
	defer k.unhook()
	out := store.Verified{Began: k.began.UnixNano(), How: o.How, Content: o.Content}
	if o.From.Began != 0 {
		out.Began, out.Repaired, out.Damaged = o.From.Began, o.From.Repaired, slices.Clone(o.From.Damaged)
	}
	var stopped error
	for {
		select {
		case step := <-k.steps:
			if stopped != nil {
				break
			}
			if stopped = k.step(step, to, &out); stopped != nil {
				k.cancel()
			}
		case end := <-k.ended:
			k.cancel()
			if stopped == nil {
				stopped = end.err
			}
			if ctx.Err() != nil {
				stopped = ctx.Err()
			}
			count(&out, end.totals)
			out.Ended = c.Clock().UnixNano()
			return out, stopped
		}
	}
}

// beginLook waits for its turn and starts reading. A person's verification
// ends one that a rule began, which takes days.
func (c *Checkup) beginLook(ctx context.Context, o Order) (*look, error) {
	for {
		k, err := post.Result(ctx, c.Loop, func() (*look, error) { return c.begin(ctx, o) })
		if !errors.Is(err, errYield) {
			return k, err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// begin starts a verification. It ends with asker, be that gone by now.
func (c *Checkup) begin(asker context.Context, o Order) (*look, error) {
	now := c.Now()
	switch {
	case now.State.Halted():
		return nil, report.Status{Name: c.Share, State: now.State, Reason: now.Reason}.Blocked()
	case now.Root == nil || !now.Ready:
		return nil, fmt.Errorf("share %q cannot be verified now, it is %s: %s", c.Share, now.State, cmp.Or(now.Reason, "try again in a moment"))
	case c.look != nil && c.look.o.How == index.ByRule && o.How != index.ByRule:
		c.look.cancel()
		c.room = time.Now().Add(roomFor)
		return nil, errYield
	case c.look != nil:
		return nil, fmt.Errorf("share %q is being verified on %s since %s: see 'duet status' there",
			c.Share, c.Node, c.look.began.Format(time.TimeOnly))
	}
	if o.Rate == 0 {
		o.Rate = c.Rate
	}
	k := &look{c: c, o: o, files: now.Files, began: c.Clock(), steps: make(chan lookStep), ended: make(chan lookEnd, 1)}
	k.ctx, k.cancel = context.WithCancel(now.Root)
	k.unhook = context.AfterFunc(asker, k.cancel)
	if n, err := c.Book.Counts(); err == nil && o.Under == index.Root && o.Content {
		k.all.AllFiles, k.all.AllBytes = n.Files, n.Bytes
	}
	c.look = k
	begins := k.all
	begins.Totals = sumOf(o.From)
	c.totals.Store(&begins)
	c.Start(func() func() {
		totals, err := verify.Run(k.ctx, k.options())
		k.ended <- lookEnd{totals, err}
		return func() { c.look = nil } // what the last step found may still be written down
	})
	return k, nil
}

func (k *look) options() verify.Options {
	b := k.c.Book
	return verify.Options{
		Files: k.files, Facts: k.c.Facts, Lookup: b.Lookup, Get: b.Get,
		Under: k.o.Under, Content: k.o.Content, Rate: max(k.o.Rate, 0), After: k.o.From.After, Sum: sumOf(k.o.From),
		Grace: k.c.Settle + watchGrace, InHand: k.inHand,
		Emit:     func(f verify.Finding) error { return k.send(lookStep{found: &f}) },
		Progress: func(t verify.Totals) { _ = k.send(lookStep{totals: t}) },
	}
}

func (k *look) send(step lookStep) error {
	select {
	case k.steps <- step:
		return nil
	case <-k.ctx.Done():
		return k.ctx.Err()
	}
}

// inHand reports whether somebody is about to look at a path, or is looking.
func (k *look) inHand(p index.Path) bool {
	yes, err := post.Result(k.ctx, k.c.Loop, func() (bool, error) { return k.c.Looks.Marked(p), nil })
	return yes || err != nil
}

// step does what there is to do about one thing.
func (k *look) step(step lookStep, to sink, out *store.Verified) error {
	if step.found == nil {
		t := k.all
		t.Totals = step.totals
		k.c.totals.Store(&t)
		if err := k.mark(t, out); err != nil {
			return err
		}
		return to.Progress(t)
	}
	f := Finding{Finding: *step.found}
	switch {
	case f.What == verify.Missed:
		if err := k.examine(f.Path); err != nil {
			return err
		}
	case f.Damaged():
		if err := k.damaged(&f); err != nil {
			return err
		}
		if f.Repaired != "" {
			out.Repaired++
		} else if len(out.Damaged) < store.MaxDamaged {
			out.Damaged = append(out.Damaged, f.Path)
		}
	}
	return to.Found(f)
}

// mark writes down from time to time how far a verification by rule has come,
// which takes days: so that it goes on from there after a restart.
func (k *look) mark(t Totals, out *store.Verified) error {
	every := min(markEvery, k.c.Every/30)
	if k.o.How != index.ByRule || t.At == index.Root || time.Since(k.marked) < every {
		return nil
	}
	k.marked = time.Now()
	half := *out
	count(&half, t.Totals)
	half.After = t.At
	return k.c.Write(k.ctx, func() error { return k.c.Book.Verifying(half) }, func(err error) {
		if err == nil {
			k.c.half = half
		}
	})
}

// markEvery is how often it is written down how far a verification has come.
const markEvery = time.Minute

// count takes over what a look counted.
func count(v *store.Verified, t verify.Totals) {
	v.Paths, v.Files, v.Bytes, v.Busy = t.Paths, t.Files, t.Bytes, t.Busy
	v.Missed, v.Corrupt, v.Unreadable, v.Failed = t.Found[verify.Missed], t.Found[verify.Corrupt], t.Found[verify.Unreadable], t.Found[verify.Failed]
}

// sumOf is what had been counted when a look was interrupted. Changes that were
// missed are counted by each look at all paths, which is made anew.
func sumOf(v store.Verified) verify.Totals {
	return verify.Totals{Files: v.Files, Bytes: v.Bytes, Busy: v.Busy, Found: map[verify.What]int64{
		verify.Missed: v.Missed, verify.Corrupt: v.Corrupt, verify.Unreadable: v.Unreadable, verify.Failed: v.Failed,
	}}
}
