package checkup

import (
	"context"
	"sync"

	"duet/recovery/compare"
	"duet/recovery/verify"
	"duet/replicate/book"
	"duet/replicate/inquiry"
	"duet/replicate/wire"
	"duet/store"
	"duet/store/index"
)

// Watch gets what a verification of both nodes finds, as it goes, one
// thing at a time.
type Watch struct {
	Found    func(node string, f Finding) error
	Progress func(node string, t Totals) error
	Drift    func(compare.Difference) error
}

// Result is what it came to.
type Result struct {
	Here     store.Verified
	Peer     *Totals // nil: it was not asked, or could not answer
	Repaired int64   // by the peer, of what was found there
	PeerErr  error   // why the peer did not answer
	Compared *compare.Summary
	Mended   int64 // paths of both indexes that had drifted
	Err      error // why the indexes were not compared; ErrApart if the peer is not there
}

// Verify verifies this node's tree, the peer's if contents are to be read, and
// compares both indexes. That the peer cannot be reached is no error of Verify's.
func (c *Checkup) Verify(ctx context.Context, o Order, w Watch) (Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex
	watch := func(node string) sink {
		return sink{
			Found: func(f Finding) error {
				mu.Lock()
				defer mu.Unlock()
				return w.Found(node, f)
			},
			Progress: func(t Totals) error {
				mu.Lock()
				defer mu.Unlock()
				return w.Progress(node, t)
			},
		}
	}
	var out Result
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		if o.Content {
			out.Peer, out.Repaired, out.PeerErr = c.verifyPeer(ctx, o, watch(c.Peer))
		}
	}()
	var err error
	if out.Here, err = c.verifyTree(ctx, o, watch(c.Node)); err != nil {
		cancel()
		<-asked
		return out, err
	}
	<-asked
	if err := c.compareVerified(ctx, o, w.Drift, &out); err != nil {
		return out, err
	}
	if o.Under != index.Root {
		return out, nil
	}
	return out, c.saveVerified(ctx, out.Here)
}

// compareVerified compares the indexes, and mends what has drifted if that was
// asked for.
func (c *Checkup) compareVerified(ctx context.Context, o Order, drift func(compare.Difference) error, out *Result) error {
	const most = 1000 // drifted paths of one commit; more than any accident makes
	var list []book.Drifted
	var told error
	mend := func() error {
		n, err := c.mend(ctx, list, o.How)
		out.Mended += int64(n)
		list = nil
		return err
	}
	sum, err := c.Compare(ctx, compare.Options{Under: o.Under}, func(d compare.Difference) error {
		if d.State != compare.Drift {
			return nil
		}
		if told = drift(d); told != nil {
			return told
		}
		if list = append(list, book.Drifted{Path: d.Path, Theirs: d.Theirs, Heard: d.Heard}); !o.Repair || len(list) < most {
			list = list[:min(len(list), most)]
			return nil
		}
		told = mend()
		return told
	})
	switch {
	case told != nil:
		return told
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		out.Err = err
		return nil
	}
	out.Compared = &sum
	out.Here.Compared, out.Here.Drift = true, sum.States[compare.Drift]
	if o.Repair && len(list) > 0 {
		return mend()
	}
	return nil
}

// mend has both nodes decide anew about paths on which they do not agree and
// believe to.
func (c *Checkup) mend(ctx context.Context, list []book.Drifted, how index.How) (int, error) {
	n := make(chan int, 1)
	err := c.Do(ctx, func(done chan<- error) {
		if c.Now().Root == nil {
			done <- c.Rootless()
			return
		}
		c.Wait(func() error {
			mended, err := c.Book.Mend(list, how, c.Self)
			n <- mended
			return err
		}, nil, done)
	})
	if err != nil {
		return 0, err
	}
	return <-n, nil
}

// verifyPeer has the peer verify its own tree, at its own pace.
func (c *Checkup) verifyPeer(ctx context.Context, o Order, to sink) (*Totals, int64, error) {
	with, err := c.askPeer(ctx)
	if err != nil {
		return nil, 0, err
	}
	ask, err := inquiry.Ask(ctx, with.Conn.Open, false)
	if err != nil {
		return nil, 0, lost(with, err)
	}
	defer ask.Close()
	var repaired int64
	totals := &Totals{}
	totals.Found = map[verify.What]int64{}
	err = ask.Verify(ctx, &wire.Verify{Under: o.Under, Repair: o.Repair, Rate: max(o.Rate, 0)}, func(v *wire.Verified) error {
		totals.Paths, totals.Files, totals.Bytes, totals.Busy = v.Paths, v.Files, v.Bytes, v.Busy
		totals.AllFiles, totals.AllBytes = v.AllFiles, v.AllBytes
		for _, f := range v.Findings {
			found := findingFrom(f, c.Peer)
			totals.Found[found.What]++
			if f.Repaired {
				repaired++
			}
			if err := to.Found(found); err != nil {
				return err
			}
		}
		return to.Progress(*totals)
	})
	if err != nil {
		return nil, 0, lost(with, err)
	}
	return totals, repaired, nil
}

var whats = map[verify.What]wire.Found{
	verify.Missed: wire.Missed, verify.Corrupt: wire.Corrupt, verify.Unreadable: wire.Unreadable, verify.Failed: wire.CannotTell,
}

func findingFrom(f wire.Finding, peer string) Finding {
	out := Finding{Finding: verify.Finding{Path: f.Path, Detail: f.Detail}, Trouble: f.Trouble}
	for what, n := range whats {
		if n == f.What {
			out.What = what
		}
	}
	if f.Repaired {
		out.Repaired = "another copy, by " + peer
	}
	return out
}

// ForPeer verifies this node's tree because the peer asks for it: not
// faster than the configuration says, and not while another one is under way.
func (c *Checkup) ForPeer(ctx context.Context, q *wire.Verify, tell func(*wire.Verified) error) error {
	o := Order{Under: q.Under, Content: true, Repair: q.Repair, Rate: c.Rate, How: index.ByPeer}
	if q.Rate > 0 && (o.Rate < 0 || q.Rate < o.Rate) {
		o.Rate = q.Rate
	}
	m := &wire.Verified{}
	say := func() error {
		err := tell(m)
		m.Findings = nil
		return err
	}
	done, err := c.verifyTree(ctx, o, sink{
		Found: func(f Finding) error {
			m.Findings = append(m.Findings, wire.Finding{
				Path: f.Path, What: whats[f.What], Detail: f.Detail, Repaired: f.Repaired != "", Trouble: f.Trouble,
			})
			if len(m.Findings) < wire.MaxFindings/2 {
				return nil
			}
			return say()
		},
		Progress: func(t Totals) error {
			m.Paths, m.Files, m.Bytes, m.Busy, m.AllFiles, m.AllBytes = t.Paths, t.Files, t.Bytes, t.Busy, t.AllFiles, t.AllBytes
			return say()
		},
	})
	if err != nil {
		return err
	}
	if o.Under == index.Root {
		if err := c.saveVerified(ctx, done); err != nil {
			return err
		}
	}
	m.Last = true
	return say()
}
