package scan

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"duet/store/index"
)

// Bounds of one Emit. The first batches are small, so that there is soon
// something for others to do, and each may be twice as large as the one before:
// what a batch costs its receiver is mostly the same for a few and for many. Where
// there is nothing for others to do before the end, they are large at once.
const (
	batchFirst    = 256
	batchFindings = 4096
	batchContent  = 4 << 20 // bytes
)

// crew is what reads files and gathers findings during one Walk or Examine:
// some hashers, and one collector that batches. All of its goroutines have
// ended when close returns.
type crew struct {
	o      *WalkOptions
	ctx    context.Context
	cancel context.CancelCauseFunc

	jobs  chan job       // to the hashers; unbuffered, so that the walk waits for them
	notes chan note      // to the collector
	open  sync.WaitGroup // jobs not done
	ended sync.WaitGroup // goroutines

	flush time.Duration // longest that a finding waits for its batch
	wait  waiting       // what to do about files that are being written

	paths, bytes atomic.Int64
	sum          Summary // the walk's fields are the walk's, the others the collector's
}

// waiting is the patience with files that are being written.
type waiting struct {
	settle  time.Duration                            // how long unchanged, where open writers cannot be told
	now     func() time.Time                         // by the clock that stamps the files
	closely bool                                     // read links even if their stamps say nothing new
	busy    func(p index.Path, copied bool)          // it has to be looked at again; copied: a copy of it did not come out consistent
	overdue func(index.Path) bool                    // copy it rather than wait longer
	moved   func(now index.Stamp) (index.Hash, bool) // its content is known, from a path that is gone
	// untouched is moved for what has not changed in any way, and need not be opened.
	untouched func(now index.Stamp) (index.Hash, bool)
	nice      int // see WalkOptions
}

type job struct {
	path index.Path
	rec  *index.Record
}

type note struct {
	finding *Finding
	problem *Problem
}

func newCrew(ctx context.Context, o *WalkOptions, flush time.Duration, w waiting) *crew {
	w.now = o.Clock
	if w.now == nil {
		w.now = time.Now
	}
	ctx, cancel := context.WithCancelCause(ctx)
	c := &crew{o: o, ctx: ctx, cancel: cancel, jobs: make(chan job), notes: make(chan note, 64), flush: flush, wait: w}
	hashers := o.Hashers
	if hashers <= 0 {
		hashers = runtime.GOMAXPROCS(0)
	}
	for range hashers {
		c.ended.Go(func() {
			giveWay(w.nice)
			for j := range c.jobs {
				c.readFile(j)
				c.open.Done()
			}
		})
	}
	return c
}

// collecting starts the collector; close waits for it.
func (c *crew) collecting() (done chan struct{}) {
	done = make(chan struct{})
	go func() {
		defer close(done)
		c.collect()
	}()
	return done
}

// file has a regular file read, soon.
func (c *crew) file(p index.Path, r *index.Record) error {
	if c.ctx.Err() != nil {
		return context.Cause(c.ctx)
	}
	c.open.Add(1)
	select {
	case c.jobs <- job{p, r}:
		return nil
	case <-c.ctx.Done():
		c.open.Done()
		return context.Cause(c.ctx)
	}
}

// barrier waits until all files given so far were read and noted.
func (c *crew) barrier() { c.open.Wait() }

func (c *crew) found(f Finding)   { c.notes <- note{finding: &f} }
func (c *crew) problem(p Problem) { c.notes <- note{problem: &p} }

// read counts bytes that were read.
func (c *crew) read(n int64) { c.bytes.Add(n) }

// run calls work, and then brings everything to an end.
func (c *crew) run(work func() error) (Summary, error) {
	done := c.collecting()
	err := work()
	close(c.jobs)
	c.ended.Wait()
	close(c.notes)
	<-done
	if cause := context.Cause(c.ctx); err == nil {
		err = cause
	}
	c.cancel(nil)
	c.sum.Hashed = c.bytes.Load()
	return c.sum, err
}

// batch is what one Emit gets.
type batch struct {
	findings []Finding
	problems []Problem
	content  int // bytes
}

func (b *batch) size() int { return len(b.findings) + len(b.problems) }

func (b *batch) add(n note) {
	if n.finding == nil {
		b.problems = append(b.problems, *n.problem)
		return
	}
	b.findings = append(b.findings, *n.finding)
	b.content += len(n.finding.Content)
}

// collect batches what was noted, while the batch before is being emitted.
func (c *crew) collect() {
	full, emitted := make(chan batch), make(chan struct{})
	go func() {
		defer close(emitted)
		c.emit(full)
	}()
	defer func() {
		close(full)
		<-emitted
		c.progress()
	}()
	tick := time.NewTicker(c.flush)
	defer tick.Stop()
	var b batch
	most := batchFirst
	if c.o.Apart {
		most = batchFindings
	}
	for {
		select {
		case n, ok := <-c.notes:
			if !ok {
				if b.size() > 0 {
					full <- b
				}
				return
			}
			b.add(n)
			c.count(n)
			if b.size() >= most || b.content >= batchContent {
				full <- b
				b, most = batch{}, min(2*most, batchFindings)
				c.progress()
			}
		case <-tick.C:
			if b.size() > 0 && !c.o.Apart {
				select {
				case full <- b:
					b = batch{}
				default: // there is time to gather some more
				}
			}
			c.progress()
		}
	}
}

// emit hands on the batches. After a failure it only takes them, so that nobody
// waits for it.
func (c *crew) emit(full <-chan batch) {
	failed := false
	for b := range full {
		if failed {
			continue
		}
		if err := c.o.Emit(b.findings, b.problems); err != nil {
			failed = true
			c.cancel(err)
		}
	}
}

func (c *crew) progress() {
	if c.o.Progress != nil {
		c.o.Progress(c.paths.Load(), c.bytes.Load())
	}
}

func (c *crew) count(n note) {
	switch {
	case n.problem != nil && n.problem.Skipped:
		c.sum.Skipped++
	case n.problem != nil && errors.Is(n.problem.Err, ErrBusy):
		c.sum.Busy++
	case n.problem != nil:
		c.sum.Problems++
	case n.finding.What == index.Deleted:
		c.sum.Deleted++
		c.sum.Found++
	case n.finding.Entry != nil:
		c.sum.Found++
	}
}
