package replicate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"duet/recovery/verify"
	"duet/replicate/repair"
	"duet/replicate/report"
	"duet/replicate/transfer"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// VerifyOrder is what is to be verified of this node's tree.
type VerifyOrder struct {
	Under   index.Path // this path and what is below it; Root: everything
	Content bool       // read every file
	Repair  bool       // bring damaged content back from another copy
	Rate    int64      // bytes a second; 0: what the configuration says; negative: as fast as it goes
	How     index.How  // ByUser, ByRule or ByPeer

	From store.Verified // one that was interrupted, and goes on; zero: it begins
}

// VerifyTotals says how far a verification is.
type VerifyTotals struct {
	verify.Totals
	AllFiles, AllBytes int64 // to be read; 0: not known
}

// VerifyFinding is a path that is not as the index says.
type VerifyFinding struct {
	verify.Finding
	Repaired string // where the good content came from; "": it was not repaired
	Trouble  string // why it could not be
}

// VerifySink gets what a verification finds, as it goes, from one goroutine.
type VerifySink struct {
	Found    func(VerifyFinding) error
	Progress func(VerifyTotals) error
}

// verifying is the verification of this node's tree, as the loop sees it: one
// at a time.
type verifying struct {
	look   *look
	byRule bool      // one is under way that nobody watches
	due    time.Time // when the next one begins by itself; zero: not known yet
	room   time.Time // none does before this: a person is about to begin one
	totals atomic.Pointer[VerifyTotals]

	contents, tree store.Verified // the last ones
	half           store.Verified // one by rule that is not finished
}

// watchGrace is how long the watcher has to notice what a verification finds
// changed, besides `settle`.
const watchGrace = 2 * time.Second

// roomFor is how long nothing begins by itself after it made room for a person.
const roomFor = 10 * time.Second

// look is one verification at work.
type look struct {
	s      *Share
	o      VerifyOrder
	ctx    context.Context // ends with the root, or when nobody waits any more
	cancel context.CancelFunc
	unhook func() bool // of ctx from the asker's
	files  vfs.Files
	began  time.Time
	marked time.Time    // when it was written down last how far it is
	all    VerifyTotals // to be read
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
func (s *Share) verifyTree(ctx context.Context, o VerifyOrder, sink VerifySink) (store.Verified, error) {
	k, err := s.beginLook(ctx, o)
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
			if stopped = k.step(step, sink, &out); stopped != nil {
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
			out.Ended = s.now().UnixNano()
			return out, stopped
		}
	}
}

// beginLook waits for its turn and starts reading. A person's verification
// ends one that a rule began, which takes days.
func (s *Share) beginLook(ctx context.Context, o VerifyOrder) (*look, error) {
	for {
		k, err := fromLoop(ctx, s, func(l *loop) (*look, error) { return l.look(ctx, o) })
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

// look starts a verification. It ends with asker, be that gone by now.
func (l *loop) look(asker context.Context, o VerifyOrder) (*look, error) {
	v := &l.verify
	switch {
	case l.root.ctx == nil || !l.root.ready:
		return nil, fmt.Errorf("share %q cannot be verified now: %s %s", l.s.cfg.Name, l.s.Status().State, l.root.reason)
	case v.look != nil && v.look.o.How == index.ByRule && o.How != index.ByRule:
		v.look.cancel()
		v.room = time.Now().Add(roomFor)
		return nil, errYield
	case v.look != nil:
		return nil, fmt.Errorf("share %q is being verified on %s since %s: see `duet status` there",
			l.s.cfg.Name, l.s.cfg.NodeName, v.look.began.Format(time.TimeOnly))
	}
	if o.Rate == 0 {
		o.Rate = l.s.cfg.VerifyRate
	}
	k := &look{s: l.s, o: o, files: l.root.files, began: l.s.now(), steps: make(chan lookStep), ended: make(chan lookEnd, 1)}
	k.ctx, k.cancel = context.WithCancel(l.root.ctx)
	k.unhook = context.AfterFunc(asker, k.cancel)
	if c, err := l.s.book.Counts(); err == nil && o.Under == index.Root && o.Content {
		k.all.AllFiles, k.all.AllBytes = c.Files, c.Bytes
	}
	v.look = k
	begins := k.all
	begins.Totals = sumOf(o.From)
	v.totals.Store(&begins)
	l.start(func() func() {
		totals, err := verify.Run(k.ctx, k.options())
		k.ended <- lookEnd{totals, err}
		return func() {
			k.cancel()
			v.look = nil
		}
	})
	return k, nil
}

func (k *look) options() verify.Options {
	s := k.s
	return verify.Options{
		Files: k.files, Facts: s.facts, Lookup: s.book.Lookup, Get: s.book.Get,
		Under: k.o.Under, Content: k.o.Content, Rate: max(k.o.Rate, 0), After: k.o.From.After, Sum: sumOf(k.o.From),
		Grace: s.cfg.Settle + watchGrace, InHand: k.inHand,
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
	yes, err := fromLoop(k.ctx, k.s, func(l *loop) (bool, error) {
		return l.notice.looks.Marked(p), nil
	})
	return yes || err != nil
}

// step does what there is to do about one thing.
func (k *look) step(step lookStep, sink VerifySink, out *store.Verified) error {
	if step.found == nil {
		t := k.all
		t.Totals = step.totals
		k.s.loop.verify.totals.Store(&t)
		if err := k.mark(t, out); err != nil {
			return err
		}
		return sink.Progress(t)
	}
	f := VerifyFinding{Finding: *step.found}
	switch {
	case f.What == verify.Missed:
		k.examine(f.Path)
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
	return sink.Found(f)
}

// mark writes down from time to time how far a verification by rule has come,
// which takes days: so that it goes on from there after a restart.
func (k *look) mark(t VerifyTotals, out *store.Verified) error {
	every := min(markEvery, k.s.cfg.VerifyEvery/30)
	if k.o.How != index.ByRule || t.At == index.Root || time.Since(k.marked) < every {
		return nil
	}
	k.marked = time.Now()
	half := *out
	count(&half, t.Totals)
	half.After = t.At
	return k.s.do(k.ctx, func(l *loop, done chan<- error) {
		l.ask(func() func() {
			err := k.s.book.Verifying(half)
			return func() {
				if err == nil {
					l.verify.half = half
				}
				done <- err
			}
		})
	})
}

// markEvery is how often it is written down how far a verification has come.
const markEvery = time.Minute

// examine has a path examined: what has changed there is an edit like any other.
func (k *look) examine(p index.Path) {
	k.s.post(func() { k.s.loop.notice.dirty.Mark(p, true, time.Now()) })
}

// damaged journals that the content of a path is damaged, and repairs it if
// that was asked for. An error is of the index, or of the share's end.
func (k *look) damaged(f *VerifyFinding) error {
	s := k.s
	s.log.Warn("content is damaged: it is not what the index says, and nobody edited it", "path", f.Path.String(), "what", string(f.What), "detail", f.Detail)
	err := s.do(k.ctx, func(l *loop, done chan<- error) {
		l.ask(func() func() {
			err := s.book.Damaged(f.Path, k.o.How, s.cfg.Node, string(f.What)+": "+f.Detail)
			return func() {
				l.talk.wake()
				done <- err
			}
		})
	})
	if err != nil || !k.o.Repair {
		return err
	}
	from, err := k.repair(f.Finding)
	switch {
	case k.ctx.Err() != nil:
		return k.ctx.Err()
	case err != nil:
		f.Trouble = err.Error()
	default:
		f.Repaired = from
		s.log.Info("repaired", "path", f.Path.String(), "from", from)
	}
	return nil
}

// repair brings damaged content back, and says from where.
func (k *look) repair(f verify.Finding) (from string, err error) {
	s := k.s
	o := repair.Options{
		Book: s.book, Files: k.files, Env: s.installEnv(), Node: s.cfg.Node, How: k.o.How, Owner: mayChown(), Peer: s.cfg.PeerName,
		Fetch: func() (*transfer.Fetcher, error) {
			return fromLoop(k.ctx, s, func(l *loop) (*transfer.Fetcher, error) {
				if l.talk.sess == nil || !l.talk.greeted {
					return nil, fmt.Errorf("%s %w", s.cfg.PeerName, ErrApart)
				}
				return l.talk.sess.Fetch, nil
			})
		},
		Held: func(r *index.Record) vfs.Held {
			return vfs.Held{Area: vfs.Stage, Name: fmt.Sprintf("%x-repair-%d", s.boot, r.Pos)}
		},
	}
	job, from, err := o.Stage(k.ctx, f)
	if err != nil {
		return "", err
	}
	return from, s.do(k.ctx, func(l *loop, done chan<- error) {
		switch {
		case l.root.ctx == nil || l.root.files != k.files:
			done <- s.rootless(l)
			return
		case l.published.paused:
			done <- fmt.Errorf("share %q is paused: `duet resume %s` first", s.cfg.Name, s.cfg.Name)
			return
		}
		l.ask(func() func() {
			err := s.rootGone(k.files)
			var broken error
			if err == nil {
				err, broken = o.Install(k.ctx, job, f.Record)
			}
			return func() {
				l.talk.wake()
				if broken != nil {
					l.haltFor(fmt.Errorf("repair: %w", broken)) // a replay settles it
				}
				done <- errors.Join(err, broken)
			}
		})
	})
}

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

// describeVerify is what the status says of verifications.
func (l *loop) describeVerify(now time.Time) *report.Verify {
	v := &l.verify
	out := &report.Verify{Contents: report.NewVerified(v.contents), Tree: report.NewVerified(v.tree), Next: v.due}
	if k := v.look; k != nil {
		t := v.totals.Load()
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
	if h := v.half; h.Began != 0 {
		out.Half = &report.Half{Began: time.Unix(0, h.Began), Files: h.Files, Bytes: h.Bytes, After: h.After.String()}
	}
	if *out == (report.Verify{}) {
		return nil
	}
	return out
}
