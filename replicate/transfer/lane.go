package transfer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"duet/replicate/link"
	"duet/replicate/wire"
)

// lane asks for contents on one stream, which it opens when it is needed and
// again after it broke.
type lane struct {
	f         *Fetcher
	smallOnly bool
	lastID    uint64 // of the wants sent

	// Guarded by f.mu.
	flow  *flow // the stream in use; nil if there is none
	bytes int64 // outstanding
	free  bool  // waits for something to do
}

// flow is one stream of a lane, and what was asked for on it.
type flow struct {
	lane     *lane
	s        link.Stream
	asked    []*job      // in order, guarded by f.mu
	recalled bool        // closed by this node: what is left of asked is not to blame
	stall    *time.Timer // runs out when nothing has come for too long
	waiting  atomic.Bool // for something to come
	stalled  bool        // it did while something was outstanding, guarded by f.mu
}

// stalls gives a stream up on which the peer owes something and brings nothing:
// it hangs, or so does the disk that it reads from. Pings go on meanwhile, so
// the connection does not find out; and what hangs takes the place of others.
func (w *flow) stalls() {
	w.lane.f.mu.Lock()
	defer w.lane.f.mu.Unlock()
	if len(w.asked) > 0 && w.waiting.Load() {
		w.stalled = true
		w.s.Close()
	}
}

// Read reads from the stream. It is only here that the peer is waited for: the
// time that a disk of this host takes is not its fault.
func (w *flow) Read(p []byte) (int, error) {
	w.waiting.Store(true)
	w.stall.Reset(w.lane.f.opt.Stall)
	n, err := w.s.Read(p)
	w.waiting.Store(false)
	return n, err
}

// recall closes a stream on which something comes that nobody wants any more:
// there is no other way to stop it. (mu is held; closing does not wait.)
func (w *flow) recall() {
	w.recalled = true
	w.s.Close()
}

// run asks for one batch after another until the Fetcher is closed.
func (l *lane) run() {
	for {
		batch := l.take()
		if batch == nil {
			return
		}
		ready := batch[:0]
		for _, j := range batch {
			if l.prepare(j) {
				ready = append(ready, j)
			}
		}
		if len(ready) > 0 {
			l.ask(ready)
		}
	}
}

// take waits for a batch, and for room on the stream. It returns nil when the
// Fetcher is closed.
func (l *lane) take() []*job {
	f := l.f
	f.mu.Lock()
	defer f.mu.Unlock()
	l.free = true
	defer func() { l.free = false }()
	for ; ; f.moved.Wait() {
		if f.closed {
			return nil
		}
		for _, large := range []bool{true, false} {
			if !l.first(large) {
				continue
			}
			queue, limit := &f.large, 1
			if !large {
				pending, _ := l.pending()
				queue, limit = &f.small, min(maxBatch, maxAsked-pending)
			}
			if batch := l.pick(queue, limit); len(batch) > 0 {
				f.moved.Broadcast() // what is left is for the next lane
				return batch
			}
		}
	}
}

// first reports whether l is the lane whose turn it is: of those that are free
// the one that waits for the least, so that the work is spread, and a little
// work opens few streams. (mu is held.)
func (l *lane) first(large bool) bool {
	if !l.takes(large) {
		return false
	}
	before := true
	for _, other := range l.f.lanes {
		if other == l {
			before = false
		} else if other.free && other.takes(large) && (other.bytes < l.bytes || other.bytes == l.bytes && before) {
			return false
		}
	}
	return true
}

// takes reports whether the stream has room. (mu is held.)
func (l *lane) takes(large bool) bool {
	pending, busy := l.pending()
	if l.bytes >= maxBytes || pending >= maxAsked {
		return false
	}
	if large {
		return !l.smallOnly
	}
	return !busy // small files do not go behind large ones
}

// pending counts what is outstanding; busy, if a large file is. (mu is held.)
func (l *lane) pending() (n int, busy bool) {
	if l.flow == nil || len(l.flow.asked) == 0 {
		return 0, false
	}
	n = len(l.flow.asked)
	return n, l.flow.asked[n-1].size > smallFile
}

// pick takes jobs from the head of a queue, within the bounds of a request.
func (l *lane) pick(queue *[]*job, limit int) (batch []*job) {
	paths := 0
	for len(*queue) > 0 && len(batch) < limit && l.bytes < maxBytes && paths < maxPaths {
		j := (*queue)[0]
		*queue = (*queue)[1:]
		if len(j.waiters) == 0 {
			l.f.end(j)
			continue
		}
		j.state, j.left = preparing, j.size
		l.bytes += j.left
		paths += len(j.path)
		batch = append(batch, j)
	}
	return batch
}

// settle takes n bytes off what is outstanding for j. (mu is held.)
func (l *lane) settle(j *job, n int64) {
	j.left -= n
	l.bytes -= n
	l.f.moved.Broadcast()
}

// errUnwanted means that whoever wanted a content has given up.
var errUnwanted = errors.New("nobody wants it any more")

// drop ends a job that is not on a stream.
func (l *lane) drop(j *job, err error) {
	failed := errors.Join(err, j.close())
	l.f.mu.Lock()
	defer l.f.mu.Unlock()
	l.settle(j, j.left)
	if err == errUnwanted && len(j.waiters) > 0 { // somebody else came
		j.reset()
		l.f.queue(j)
		return
	}
	l.f.fail(j, failed)
}

// ask sends one request.
func (l *lane) ask(jobs []*job) {
	f := l.f
	f.mu.Lock()
	w := l.flow
	f.mu.Unlock()
	if w == nil {
		s, err := f.opt.Open(f.ctx, StreamKind)
		if err != nil {
			if f.ctx.Err() != nil {
				err = errFetcherClosed
			}
			for _, j := range jobs {
				l.drop(j, err)
			}
			return
		}
		w = &flow{lane: l, s: s}
		w.stall = time.AfterFunc(f.opt.Stall, w.stalls)
		f.mu.Lock()
		l.flow = w
		f.mu.Unlock()
		f.wg.Go(w.hear)
	}
	fetch := &wire.Fetch{}
	var unwanted []*job
	f.mu.Lock()
	for _, j := range jobs {
		if len(j.waiters) == 0 {
			unwanted = append(unwanted, j)
			continue
		}
		l.lastID++
		j.id, j.flow, j.state = l.lastID, w, asked
		w.asked = append(w.asked, j)
		fetch.Wants = append(fetch.Wants, wire.Want{ID: j.id, Path: j.path, Hash: j.hash, Size: j.size, Offset: j.got})
	}
	broken := l.flow != w
	w.stall.Reset(f.opt.Stall)
	f.mu.Unlock()
	for _, j := range unwanted {
		l.drop(j, errUnwanted)
	}
	if broken {
		w.end(errors.New("the stream broke before it was used")) // hear has ended already
		return
	}
	if len(fetch.Wants) == 0 {
		return
	}
	if err := wire.WriteMsg(w.s, fetch); err != nil {
		w.s.Close() // hear finds out
	}
}

// hear takes what comes on the stream until it ends.
func (w *flow) hear() {
	stop := context.AfterFunc(w.lane.f.ctx, func() { w.s.Close() })
	defer stop()
	err := w.pieces()
	w.stall.Stop()
	w.s.Close()
	w.lane.f.mu.Lock()
	stalled := w.stalled
	w.lane.f.mu.Unlock()
	switch {
	case w.lane.f.ctx.Err() != nil:
		err = errFetcherClosed
	case stalled:
		err = fmt.Errorf("fetch contents: the peer was asked for them, and sent nothing for %v: it hangs, or a disk there does", w.lane.f.opt.Stall)
	}
	w.end(err)
}

func (w *flow) pieces() error { return readPieces(w, w.piece) }

// readPieces hands the pieces that come on a stream to take, with a buffer that
// take returns, perhaps grown, until the stream or take fails.
func readPieces(stream io.Reader, take func(*wire.Piece, []byte) ([]byte, error)) error {
	r := bufio.NewReaderSize(stream, 64<<10)
	var frame, expanded []byte
	for {
		var m wire.Msg
		var err error
		if m, frame, err = wire.ReadMsgBuf(r, frame); err != nil {
			if err == io.EOF {
				err = errors.New("the peer closed the stream")
			}
			return fmt.Errorf("fetch contents: %w", err)
		}
		p, ok := m.(*wire.Piece)
		if !ok {
			return fmt.Errorf("fetch contents: the peer sent a %T", m)
		}
		if expanded, err = take(p, expanded); err != nil {
			return fmt.Errorf("fetch contents: %w", err)
		}
	}
}

// piece takes one piece. The error is of the stream: nothing more that comes
// on it can be trusted. It returns buf, perhaps grown.
func (w *flow) piece(p *wire.Piece, buf []byte) ([]byte, error) {
	f := w.lane.f
	f.mu.Lock()
	var j *job
	if len(w.asked) > 0 {
		j = w.asked[0]
	}
	f.mu.Unlock()
	if j == nil || j.id != p.ID {
		return buf, fmt.Errorf("the peer answers want %d, which is not its turn", p.ID)
	}
	if p.Refusal != wire.None {
		w.done(j, &RefusedError{p.Refusal, p.Text})
		return buf, nil
	}
	data, buf, err := expand(p, buf)
	if err != nil {
		return buf, err
	}
	if int64(len(data)) > j.left {
		return buf, fmt.Errorf("the peer sends more than the %d bytes of %v that it announced", j.size, j.path)
	}
	f.received.Add(int64(len(data)))
	if j.err == nil && int64(len(data)) == j.size {
		f.mu.Lock()
		j.whole()
		f.mu.Unlock()
	}
	if j.err == nil {
		j.err = j.write(f.opt.Files, data)
	}
	f.mu.Lock()
	w.lane.settle(j, int64(len(data)))
	f.mu.Unlock()
	switch {
	case p.Last && j.err == nil:
		w.done(j, j.verify(f.opt.Files))
	case p.Last:
		w.done(j, j.err)
	case j.err != nil && j.left > maxBytes:
		w.done(j, j.err)
		f.mu.Lock()
		w.recall() // not worth taking to its end
		f.mu.Unlock()
	}
	return buf, nil
}

// done takes a job off the stream: to be finished if err is nil, else failed.
func (w *flow) done(j *job, err error) {
	f := w.lane.f
	if err != nil {
		err = errors.Join(err, j.close())
	}
	f.mu.Lock()
	w.asked = w.asked[1:]
	w.lane.settle(j, j.left)
	if err != nil {
		f.fail(j, err)
	} else {
		j.state, j.flow = finishing, nil
	}
	f.mu.Unlock()
	if err == nil {
		f.finish(j)
	}
}

// end is for when the stream has ended: what is still outstanding fails, or,
// if this node closed the stream because of something else, is queued again.
func (w *flow) end(err error) {
	f := w.lane.f
	f.mu.Lock()
	if w.lane.flow == w {
		w.lane.flow = nil
	}
	left := w.asked
	w.asked = nil
	again := w.recalled && !f.closed
	f.mu.Unlock()
	for _, j := range left {
		failed := errors.Join(err, j.close())
		f.mu.Lock()
		w.lane.settle(j, j.left)
		j.flow = nil
		if again && len(j.waiters) > 0 {
			j.reset()
			f.queue(j)
		} else {
			f.fail(j, failed)
		}
		f.mu.Unlock()
	}
}
