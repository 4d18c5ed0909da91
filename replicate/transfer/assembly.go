package transfer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/semaphore"

	"duet/replicate/wire"
	"duet/scan/vfs"
	"duet/store/index"
)

// Bounds of assemblies.
const (
	assemblers = 2       // at a time
	plainSize  = 8 << 20 // what is larger is put together from parts; less if there is something like it here
	maxLines   = 6       // streams for parts, where the round trip asks for several
	allLines   = 8       // of all assemblies together: a peer serves 16 streams, those of lanes and for chunks among them
)

// longTrip is the time to an answer from which on one stream's window is not
// enough: a channel of SSH has 2 MiB on its way.
const longTrip = 4 * time.Millisecond

// assembly puts one large content together, in order: what of it is here already
// in a file like it, and parts that the peer is asked for, over several streams if
// the round trip asks for that. What is written is hashed at the same time, and
// whatever ends it, what is there by then is the beginning of the content.
type assembly struct {
	f     *Fetcher
	j     *job
	ctx   context.Context
	stop  context.CancelCauseFunc
	parts chan *part          // in order
	room  *semaphore.Weighted // bytes of parts
	slow  atomic.Bool         // the trip to the peer is long
	wrote int64               // bytes that are no holes, and came from the peer
	lent  vfs.Content         // what it is like, if its blocks may be shared; owned by plan
	owed  loan                // of lent; owned by write

	mu    sync.Mutex
	lines []*line
}

// assembles reports whether a content is put together from parts.
func (f *Fetcher) assembles(j *job) bool {
	return f.opt.Ranges && (j.size >= plainSize || j.size >= f.opt.Delta && len(j.like) > 0)
}

// assemble puts one content after another together until the Fetcher is closed.
func (f *Fetcher) assemble() {
	for {
		f.mu.Lock()
		for len(f.whole) == 0 && !f.closed {
			f.moved.Wait()
		}
		if f.closed {
			f.mu.Unlock()
			return
		}
		j := f.whole[0]
		f.whole = f.whole[1:]
		if len(j.waiters) == 0 {
			f.end(j)
			f.mu.Unlock()
			continue
		}
		ctx, stop := context.WithCancelCause(f.ctx)
		j.state, j.stop = assembling, func() { stop(errUnwanted) }
		f.mu.Unlock()
		f.assembled(j, f.tryAssemble(ctx, j))
		stop(nil)
	}
}

// tryAssemble puts j together; what is like it may not be like it after all, or
// the peer's word on it not be right: that costs a second try without it.
func (f *Fetcher) tryAssemble(ctx context.Context, j *job) error {
	for {
		err := j.resume(f.opt.Files, func(*job) error { return context.Cause(ctx) })
		if err != nil {
			return err
		}
		a := &assembly{f: f, j: j, parts: make(chan *part, 1024), room: semaphore.NewWeighted(maxAhead)}
		a.ctx, a.stop = context.WithCancelCause(ctx)
		err = a.run()
		a.stop(nil)
		if err == nil {
			err = j.verify(f.opt.Files)
		}
		if err == nil || !j.mixed || !errors.Is(err, errWrongHash) || context.Cause(ctx) != nil {
			return err
		}
		j.reset()
		j.like = nil
	}
}

// assembled takes note of what became of j.
func (f *Fetcher) assembled(j *job, err error) {
	if err == nil {
		f.mu.Lock()
		j.state = finishing
		f.mu.Unlock()
		f.finish(j)
		return
	}
	err = errors.Join(err, j.close())
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.ctx.Err() != nil:
		f.fail(j, errFetcherClosed)
	case errors.Is(err, errUnwanted) && len(j.waiters) > 0: // somebody else came
		j.reset()
		f.queue(j)
	default:
		f.fail(j, err)
	}
}

// run asks and writes until all is there.
func (a *assembly) run() error {
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(a.parts)
		if err := a.plan(); err != nil {
			a.stop(err)
		}
	})
	err := a.write()
	a.stop(err)
	defer a.giveBack()
	for _, l := range a.opened() {
		l.end()
	}
	wg.Wait()
	for _, l := range a.opened() { // one may have been opened meanwhile
		l.end()
	}
	a.f.fewer(len(a.opened()))
	for p := range a.parts {
		_ = p // what is left is for the garbage collector: somebody may still write to it
	}
	return err
}

func (a *assembly) opened() []*line {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lines
}

// plan says of what the content consists, from what is here already on.
func (a *assembly) plan() error {
	at := a.j.got
	for _, b := range a.j.like {
		base, err := b.open(a.f.opt.Files)
		if err != nil {
			continue // it was to be had a moment ago; others may still be
		}
		if lent := a.borrow(base); lent != nil {
			base.Close()
			at, err = a.planMixed(lent, at)
		} else {
			base = vfs.Uncached(base)
			at, err = a.planMixed(base, at)
			err = errors.Join(err, base.Close())
		}
		if err != nil {
			return err
		}
		return a.planPlain(at, a.j.size)
	}
	at, err := a.planHoles(at)
	if err != nil {
		return err
	}
	return a.planPlain(at, a.j.size)
}

// planPlain asks for all from at to end.
func (a *assembly) planPlain(at, end int64) error {
	for ; at < end; at += maxPart {
		p, err := a.next(at, min(maxPart, end-at))
		if err != nil {
			return err
		}
		l, err := a.line()
		if err != nil {
			return err
		}
		if err := a.queue(p); err != nil {
			return err
		}
		a.request(l, p, 0, p.size)
	}
	return nil
}

// next is the next part of the content. It waits for room.
func (a *assembly) next(off, size int64) (*part, error) {
	return a.nextOf(off, size, size)
}

// nextHere is next for bytes that are here: they wait for no trip, and not many of
// them need memory at a time.
func (a *assembly) nextHere(off, size int64) (*part, error) {
	return a.nextOf(off, size, size*(maxAhead/maxHere))
}

func (a *assembly) nextOf(off, size, room int64) (*part, error) {
	p := &part{off: off, size: size, room: min(room, maxAhead), ready: make(chan struct{}), missing: size}
	if err := a.room.Acquire(a.ctx, p.room); err != nil {
		return nil, context.Cause(a.ctx)
	}
	return p, nil
}

// put says that the next part is here.
func (a *assembly) put(p *part) error {
	close(p.ready)
	return a.queue(p)
}

// queue says which part is next, whether it is here or not.
func (a *assembly) queue(p *part) error {
	select {
	case a.parts <- p:
		return nil
	case <-a.ctx.Done():
		return context.Cause(a.ctx)
	}
}

// request asks for some bytes of a part.
func (a *assembly) request(l *line, p *part, from, size int64) {
	at := from
	r := &ask{want: a.want(p.off+from, size), fail: a.stop}
	r.take = func(piece *wire.Piece, data []byte) error {
		if at == from && time.Since(r.began) > longTrip {
			a.slow.Store(true)
		}
		a.f.received.Add(int64(len(data)))
		at = p.take(at, piece, data)
		return nil
	}
	l.ask(r)
}

func (a *assembly) want(off, size int64) wire.Want {
	return wire.Want{Path: a.j.path, Hash: a.j.hash, Size: a.j.size, Offset: off, Length: size}
}

// line returns the stream that owes the least; if all owe much, and answers take
// long, a new one.
func (a *assembly) line() (*line, error) {
	var best *line
	lines := a.opened()
	for _, l := range lines {
		if best == nil || l.owes() < best.owes() {
			best = l
		}
	}
	if best != nil && (best.owes() < maxPart || !a.slow.Load() || len(lines) >= maxLines) {
		return best, nil
	}
	if !a.f.another(best == nil) {
		return best, nil
	}
	began := time.Now()
	l, err := openLine(a.ctx, &a.f.opt)
	if err != nil {
		a.f.fewer(1)
		return nil, err
	}
	if time.Since(began) > longTrip { // the peer had to answer: all that follows is asked for with that in mind
		a.slow.Store(true)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lines = append(a.lines, l)
	return l, nil
}

// another counts one more stream for parts; an assembly may have one in any case.
func (f *Fetcher) another(first bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !first && f.lines >= allLines {
		return false
	}
	f.lines++
	return true
}

// fewer counts streams for parts that have ended.
func (f *Fetcher) fewer(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lines -= n
}

// write takes the parts as they become ready, in order.
func (a *assembly) write() error {
	h := a.hashing()
	defer h.end()
	for {
		var p *part
		select {
		case p = <-a.parts:
		case <-a.ctx.Done():
			return context.Cause(a.ctx)
		}
		if p == nil {
			if err := context.Cause(a.ctx); err != nil {
				return err
			}
			return a.settle()
		}
		select {
		case <-p.ready:
		case <-a.ctx.Done():
			return context.Cause(a.ctx)
		}
		if err := a.writePart(p); err != nil {
			return fmt.Errorf("write what was fetched: %w", err)
		}
		h.parts <- p
	}
}

func (a *assembly) writePart(p *part) error {
	if p.lent != nil {
		return a.share(p)
	}
	if err := a.settle(); err != nil {
		return err
	}
	if p.hole {
		a.j.got += p.size
		return a.j.draft.Hole(p.size)
	}
	at := int64(0)
	for _, z := range append(p.zeros, span{p.size, 0}) {
		if z.from > at {
			if a.wrote += z.from - at; a.j.room > 0 && a.wrote > a.j.room {
				return fmt.Errorf("the peer said that %d bytes of it are no holes, and sends more: %w", a.j.room, syscall.ENOSPC)
			}
			n, err := a.j.draft.Write(p.data[at:z.from])
			a.j.got += int64(n)
			if err != nil {
				return err
			}
		}
		if z.size > 0 {
			if err := a.j.draft.Hole(z.size); err != nil {
				return err
			}
			a.j.got += z.size
		}
		at = z.from + z.size
	}
	return nil
}

// hashing is a goroutine that hashes what was written, while more is written.
type hashing struct {
	parts chan *part
	ended chan struct{}
}

// unhashed is how many parts may wait for it: mostly more than there is room for.
const unhashed = 64

func (a *assembly) hashing() *hashing {
	h := &hashing{make(chan *part, unhashed), make(chan struct{})}
	go func() { // ends with end
		defer close(h.ended)
		for p := range h.parts {
			if p.hole {
				a.j.sum.Zeros(p.size)
			} else {
				a.j.sum.Write(p.data)
			}
			a.room.Release(p.room)
			p.release()
		}
	}()
	return h
}

// end returns when all is hashed.
func (h *hashing) end() {
	close(h.parts)
	<-h.ended
}

// Like is something that is here and may have much in common with a content.
type Like struct {
	Path index.Path
	Held vfs.Held // if it is not in the tree
}

func (l Like) open(files vfs.Files) (vfs.Content, error) {
	if l.Held.Name != "" {
		return files.OpenHeld(l.Held)
	}
	return files.Open(l.Path)
}
