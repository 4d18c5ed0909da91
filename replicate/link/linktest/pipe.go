// Package linktest has a link in memory, and the contract that every link
// obeys.
package linktest

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"duet/replicate/link"
)

// Pipe returns the two ends of a connection in memory, a being the dialler.
// They behave as SSH ones do: streams with back-pressure, errors included.
func Pipe() (a, b link.Conn) {
	x := &end{dialled: true, accepted: make(chan *stream, link.MaxStreams), done: make(chan struct{})}
	y := &end{accepted: make(chan *stream, link.MaxStreams), done: make(chan struct{})}
	x.peer, y.peer = y, x
	p := &pair{streams: make(map[*stream]bool)}
	x.pair, y.pair = p, p
	return x, y
}

// pair is what the two ends share.
type pair struct {
	mu      sync.Mutex
	closed  bool
	streams map[*stream]bool // one side of each that is open
}

// end is one side of a connection.
type end struct {
	*pair
	dialled  bool
	peer     *end
	accepted chan *stream
	done     chan struct{}
	err      error // set before done is closed
	in, out  atomic.Int64
}

func (e *end) Dialled() bool            { return e.dialled }
func (e *end) Done() <-chan struct{}    { return e.done }
func (e *end) Traffic() (in, out int64) { return e.in.Load(), e.out.Load() }

func (e *end) Err() error {
	select {
	case <-e.done:
		return e.err
	default:
		return nil
	}
}

func (e *end) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil
	}
	e.closed = true
	e.err, e.peer.err = link.ErrClosed, fmt.Errorf("the peer closed the connection")
	for s := range e.streams {
		for _, h := range []*half{s.in, s.out} {
			h.fail(e.peer.err)
		}
	}
	close(e.done)
	close(e.peer.done)
	return nil
}

func (e *end) Open(ctx context.Context, kind string) (link.Stream, error) {
	if err := link.CheckKind(kind); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.closed:
		return nil, fmt.Errorf("open stream %q: %w", kind, e.err)
	case len(e.streams) >= link.MaxStreams:
		return nil, fmt.Errorf("open stream %q: %d are open already", kind, link.MaxStreams)
	}
	there, here := newHalf(), newHalf()
	s := &stream{kind: kind, end: e, in: here, out: there}
	t := &stream{kind: kind, end: e.peer, in: there, out: here}
	s.both, t.both = s, s
	e.streams[s] = true
	e.peer.accepted <- t // room for every stream that may be open
	return s, nil
}

func (e *end) Accept(ctx context.Context) (link.Stream, error) {
	select {
	case s := <-e.accepted:
		return s, nil
	case <-e.done:
		return nil, e.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// stream is one side of a stream.
type stream struct {
	kind    string
	end     *end
	in, out *half
	both    *stream // the side that stands for the stream in pair.streams
}

func (s *stream) Kind() string { return s.kind }

func (s *stream) Read(p []byte) (int, error) {
	n, err := s.in.read(p)
	s.end.in.Add(int64(n))
	return n, err
}

func (s *stream) Write(p []byte) (int, error) {
	n, err := s.out.write(p)
	s.end.out.Add(int64(n))
	return n, err
}

func (s *stream) Close() error {
	s.end.mu.Lock()
	delete(s.end.streams, s.both)
	s.end.mu.Unlock()
	s.out.close()
	s.in.abandon()
	return nil
}

// half is one direction of a stream: a bounded buffer.
type half struct {
	mu        sync.Mutex
	moved     *sync.Cond
	buf       []byte
	closed    bool  // the writer has closed: what is in buf, then io.EOF
	abandoned bool  // the reader has closed
	err       error // the connection has ended
}

const halfSize = 256 << 10

func newHalf() *half {
	h := &half{}
	h.moved = sync.NewCond(&h.mu)
	return h
}

func (h *half) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.abandoned:
			return 0, net.ErrClosed
		case len(h.buf) > 0:
			n := copy(p, h.buf)
			h.buf = h.buf[n:]
			h.moved.Broadcast()
			return n, nil
		case h.err != nil:
			return 0, h.err
		case h.closed:
			return 0, io.EOF
		case len(p) == 0:
			return 0, nil
		}
		h.moved.Wait()
	}
}

func (h *half) write(p []byte) (n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.closed:
			return n, net.ErrClosed
		case h.err != nil:
			return n, h.err
		case h.abandoned:
			return n, io.ErrClosedPipe
		case len(p) == 0:
			return n, nil
		}
		if room := min(halfSize-len(h.buf), len(p)); room > 0 {
			h.buf = append(h.buf, p[:room]...)
			p, n = p[room:], n+room
			h.moved.Broadcast()
			continue
		}
		h.moved.Wait()
	}
}

func (h *half) close()         { h.change(func() { h.closed = true }) }
func (h *half) abandon()       { h.change(func() { h.abandoned = true }) }
func (h *half) fail(err error) { h.change(func() { h.err = err }) }

func (h *half) change(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
	h.moved.Broadcast()
}
