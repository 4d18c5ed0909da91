// Package memnet is a network in memory, for tests and the simulator:
// connections whose bytes take their time, and which can be cut: one way or
// both, between two messages or in the middle of one.
//
// It is held against the same contract as the real replicate/link.
package memnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"duet/replicate/link"
)

// Silence is after how long an end that hears nothing hangs up.
const Silence = 8 * time.Second

// Door stands before what an end does: it takes its time. cut reports that the
// connection breaks now, in the middle of what is being sent; an error, that
// this host has come to its end: nothing of it is sent.
type Door func(op, what string) (cut bool, err error)

// Line is one connection.
type Line struct {
	A, B *End // A dialled

	// Lag is how long the peer takes to notice that an end was closed.
	Lag time.Duration

	mu      sync.Mutex       // never held while anything waits
	streams map[*stream]bool // one side of each that is open
}

// End is one end of a Line.
type End struct {
	*Line
	door     Door
	dialled  bool
	peer     *End
	accepted chan *stream
	done     chan struct{}
	ended    bool
	err      error // set before done is closed
	mute     bool  // what this end sends never arrives
	dead     bool  // nor does it hear, or close, anything
	opened   atomic.Uint64
	in, out  atomic.Int64
}

var _ link.Conn = (*End)(nil)

// Dial returns a new connection. A nil door costs no time.
func Dial(a, b Door) *Line {
	end := func(door Door, dialled bool) *End {
		if door == nil {
			door = func(string, string) (bool, error) { return false, nil }
		}
		return &End{door: door, dialled: dialled, accepted: make(chan *stream, link.MaxStreams), done: make(chan struct{})}
	}
	l := &Line{A: end(a, true), B: end(b, false), streams: map[*stream]bool{}}
	l.A.peer, l.B.peer = l.B, l.A
	l.A.Line, l.B.Line = l, l
	return l
}

// Cut loses what is sent from now on, by A, by B, or by both. The ends notice
// when they have heard nothing for long enough.
func (l *Line) Cut(a, b bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.A.mute, l.B.mute = l.A.mute || a, l.B.mute || b
	time.AfterFunc(Silence, func() { l.Break(fmt.Errorf("%w for %v", link.ErrSilent, Silence)) })
}

// Break ends the connection for both ends.
func (l *Line) Break(why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.A.end(why)
	l.B.end(why)
}

// end ends one end of the connection. (mu is held.)
func (e *End) end(why error) {
	if e.ended {
		return
	}
	e.ended, e.err = true, why
	lost := errors.New("the connection was lost")
	for s := range e.streams { // in any order: none waits for another
		in, out := s.in, s.out
		if s.end != e {
			in, out = out, in
		}
		in.change(func() { in.readErr = lost })
		out.change(func() { out.writeErr = lost })
	}
	close(e.done)
}

// Dialled, Done, Traffic, Err and Close are as link.Conn says.

// Dialled reports whether this end dialled.
func (e *End) Dialled() bool { return e.dialled }

// Done is closed when the connection has ended.
func (e *End) Done() <-chan struct{} { return e.done }

// Traffic counts bytes.
func (e *End) Traffic() (in, out int64) { return e.in.Load(), e.out.Load() }

// Err says why the connection has ended.
func (e *End) Err() error {
	select {
	case <-e.done:
		return e.err
	default:
		return nil
	}
}

// Close ends the connection. The peer hears of it a little later, if at all.
func (e *End) Close() error { return e.leave(errClosedThere) }

// Leave is Close with a word to the peer.
func (e *End) Leave(why link.Reason, text string) error {
	return e.leave(link.Farewell("the peer", why, text))
}

func (e *End) leave(there error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ended {
		return nil
	}
	e.end(link.ErrClosed)
	switch {
	case e.mute:
	case e.Lag == 0:
		e.peer.end(there)
	default:
		time.AfterFunc(e.Lag, func() {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.peer.end(there)
		})
	}
	return nil
}

// Die is the sudden death of the host at this end: from now on nothing that it
// does reaches the peer, which has not noticed yet.
func (e *End) Die() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mute, e.dead = true, true
	e.end(errDied)
}

var errDied = errors.New("this host has died")

var errClosedThere = errors.New("the peer closed the connection")

// Open opens a stream.
func (e *End) Open(ctx context.Context, kind string) (link.Stream, error) {
	if err := link.CheckKind(kind); err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%s %d", kind, e.opened.Add(1))
	switch cut, err := e.door("open", name); {
	case err != nil:
		return nil, err
	case cut:
		e.Break(errors.New("the connection was reset"))
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.ended:
		return nil, fmt.Errorf("open stream %q: %w", kind, e.err)
	case len(e.streams) >= link.MaxStreams:
		return nil, fmt.Errorf("open stream %q: %d are open already", kind, link.MaxStreams)
	}
	there, here := newHalf(), newHalf()
	s := &stream{kind: kind, name: name, end: e, in: here, out: there}
	t := &stream{kind: kind, name: name, end: e.peer, in: there, out: here}
	s.both, t.both = s, s
	e.streams[s] = true
	if !e.mute {
		e.peer.accepted <- t // room for every stream that may be open
	}
	return s, nil
}

// Accept returns the next stream of the peer's.
func (e *End) Accept(ctx context.Context) (link.Stream, error) {
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
	name    string // tells it from the others of its kind
	end     *End
	in, out *half
	both    *stream // the side that stands for the stream in Line.streams
}

func (s *stream) Kind() string { return s.kind }

func (s *stream) Read(p []byte) (int, error) {
	n, err := s.in.read(p)
	s.end.in.Add(int64(n))
	return n, err
}

func (s *stream) Write(p []byte) (int, error) {
	cut, err := s.end.door("send", s.name)
	if err != nil {
		return 0, err
	}
	s.end.mu.Lock()
	mute := s.end.mute
	s.end.mu.Unlock()
	if mute {
		s.end.out.Add(int64(len(p)))
		return len(p), s.out.state()
	}
	if cut {
		p = p[:len(p)/2]
	}
	n, err := s.out.write(p)
	s.end.out.Add(int64(n))
	if cut {
		s.end.Break(errors.New("the connection was reset"))
		err = net.ErrClosed
	}
	return n, err
}

func (s *stream) Close() error {
	s.end.mu.Lock()
	mute, dead := s.end.mute, s.end.dead
	if !mute { // else the peer has not heard of it, and still has to hear of the end
		delete(s.end.streams, s.both)
	}
	s.end.mu.Unlock()
	if dead {
		return nil
	}
	s.in.change(func() { s.in.abandoned = true })
	if !mute {
		s.out.change(func() { s.out.closed = true })
	}
	return nil
}
