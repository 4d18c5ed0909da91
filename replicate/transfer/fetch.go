package transfer

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"duet/replicate/chunk"
	"duet/replicate/link"
	"duet/scan/vfs"
	"duet/store/index"
)

// Bounds of a Fetcher. What is outstanding on a stream has to cover the time
// that a request takes to the peer and back; more only delays what comes later.
const (
	smallFile = 256 << 10 // bytes; the first stream carries nothing larger
	maxBatch  = 256       // wants in one request
	maxAsked  = 512       // wants outstanding on a stream
	maxBytes  = 4 << 20   // bytes outstanding on a stream, before more is asked for
	maxPaths  = 512 << 10 // bytes of paths in a request, well below wire.MaxFrame
)

// Options is what a Fetcher needs. Numbers that are zero get their default.
type Options struct {
	Open    func(ctx context.Context, kind string) (link.Stream, error) // a link.Conn's Open
	Files   vfs.Files
	Ranges  bool          // the peer knows wire.Ranges
	Streams int           // default 4, at least 2; the first one carries only small files
	Syncs   int           // files that are fsynced at the same time; default 16
	Delta   int64         // contents of so many bytes are made from what is like them; default 512 KiB
	Stall   time.Duration // a stream that owes something and brings nothing for so long is given up; default 1 min
}

// Fetcher fetches contents over one connection. It may be used from several
// goroutines: what one asks for does not wait for what another does, as long
// as there are streams.
type Fetcher struct {
	opt      Options
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	received atomic.Int64
	begin    sync.Once
	wg       sync.WaitGroup
	syncs    chan struct{} // one token for each file that is being finished

	mu           sync.Mutex
	moved        *sync.Cond // there is work, or room for work
	small, large []*job     // queued, for lanes
	whole        []*job     // queued, to be assembled
	byHash       map[index.Hash]*job
	lanes        []*lane
	lines        int // streams for parts, of all assemblies
	closed       bool
}

// NewFetcher returns a Fetcher; it opens streams when there is something to
// fetch.
func NewFetcher(o Options) *Fetcher {
	if o.Streams == 0 {
		o.Streams = 4
	}
	o.Streams = max(o.Streams, 2)
	if o.Syncs == 0 {
		o.Syncs = 16
	}
	if o.Delta == 0 {
		o.Delta = chunk.Least
	}
	if o.Stall == 0 {
		o.Stall = time.Minute
	}
	f := &Fetcher{opt: o, syncs: make(chan struct{}, o.Syncs), byHash: make(map[index.Hash]*job)}
	f.moved = sync.NewCond(&f.mu)
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f
}

var errFetcherClosed = errors.New("the transfer was stopped")

// Fetch fetches wants and calls done for each, in no particular order, from
// the calling goroutine. It returns nil when all have been answered, well or
// not, and ctx's error when ctx ended it: what was not answered by then keeps
// its partial file, for the next time.
func (f *Fetcher) Fetch(ctx context.Context, wants []Want, done func(Result)) error {
	results := make(chan Result, len(wants)) // nobody ever waits to answer
	mine := f.enqueue(wants, results)
	for range wants {
		select {
		case r := <-results:
			done(r)
		case <-ctx.Done():
			for _, j := range f.withdraw(mine, results) {
				<-j.over
			}
			return ctx.Err()
		}
	}
	return nil
}

// enqueue makes a job of every content that is not on its way already.
func (f *Fetcher) enqueue(wants []Want, results chan Result) []*job {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		for _, w := range wants {
			results <- Result{Want: w, Err: errFetcherClosed}
		}
		return nil
	}
	f.begin.Do(func() {
		for i := range f.opt.Streams {
			// All are free, though none runs yet: whose turn it is does not
			// depend on which of them is started first.
			f.lanes = append(f.lanes, &lane{f: f, smallOnly: i == 0, free: true})
		}
		for _, l := range f.lanes {
			f.wg.Go(l.run)
		}
		for range assemblers {
			f.wg.Go(f.assemble)
		}
	})
	mine := make([]*job, 0, len(wants))
	for _, w := range wants {
		j := f.byHash[w.Hash]
		if j == nil || j.size != w.Size || j.state == finishing {
			j = newJob(w)
			f.queue(j)
		}
		j.waiters = append(j.waiters, waiter{w, results})
		mine = append(mine, j)
	}
	f.moved.Broadcast()
	return mine
}

// queue puts a job where lanes find it. Two jobs of one hash would write one
// file: the second waits for the first. (mu is held.)
func (f *Fetcher) queue(j *job) {
	other := f.byHash[j.hash]
	switch {
	case f.closed:
		f.fail(j, errFetcherClosed)
		return
	case other != nil && other != j:
		other.next = append(other.next, j)
		return
	}
	f.byHash[j.hash] = j
	j.state = queued
	if f.assembles(j) {
		f.whole = append(f.whole, j)
	} else if j.size <= smallFile {
		f.small = append(f.small, j)
	} else {
		f.large = append(f.large, j)
	}
}

// withdraw takes back what waits for results. It returns the jobs that nobody
// waits for now and that have been begun; they are on their way to be over.
func (f *Fetcher) withdraw(mine []*job, results chan Result) (begun []*job) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, j := range mine {
		j.waiters = slices.DeleteFunc(j.waiters, func(w waiter) bool { return w.results == results })
		if len(j.waiters) > 0 && j.owner == results {
			begun = append(begun, j) // it goes on for the others, where results' wanted it
			continue
		}
		if len(j.waiters) > 0 || j.state == queued { // take drops it
			continue
		}
		begun = append(begun, j)
		switch j.state {
		case asked:
			j.flow.recall()
		case assembling:
			j.stop()
		}
	}
	return begun
}

// end takes note that a job has ended, one way or another, and begins what
// waited for it. (mu is held.)
func (f *Fetcher) end(j *job) {
	if j.state == over {
		return
	}
	j.state = over
	close(j.over)
	if f.byHash[j.hash] == j {
		delete(f.byHash, j.hash)
	}
	for _, n := range j.next {
		f.queue(n)
	}
	f.moved.Broadcast()
}

// fail ends a job without a result. (mu is held.)
func (f *Fetcher) fail(j *job, err error) {
	for _, w := range j.waiters {
		w.results <- Result{Want: w.want, Err: err}
	}
	j.waiters = nil
	f.end(j)
}

// Received counts the bytes of content that have arrived.
func (f *Fetcher) Received() int64 { return f.received.Load() }

// Close closes the streams and returns when nothing runs any more. What was
// asked for and not answered fails.
func (f *Fetcher) Close() error {
	f.mu.Lock()
	f.closed = true
	left := slices.Concat(f.small, f.large, f.whole)
	f.small, f.large, f.whole = nil, nil, nil
	for _, j := range left {
		f.fail(j, errFetcherClosed)
	}
	f.moved.Broadcast()
	f.mu.Unlock()
	f.cancel()
	f.wg.Wait()
	return nil
}
