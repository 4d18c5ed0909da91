package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

// conn is an authenticated connection.
type conn struct {
	opt     *Options
	share   string
	dialled bool
	raw     *meter
	ssh     ssh.Conn

	accepted chan *stream      // room for MaxStreams, so that nothing waits to put one in
	joining  chan *ssh.Request // the dialler's request to join, once
	joined   atomic.Bool       // both sides want this connection
	open     atomic.Int32      // streams
	last     atomic.Bool       // this node has left because it stops

	loops sync.WaitGroup
	ended chan struct{} // closed when the SSH connection has ended
	done  chan struct{} // closed when the loops have ended too

	mu    sync.Mutex
	cause error // why it ended; the first reason counts
	over  bool  // no more loops
}

func newConn(opt *Options, share string, dialled bool, raw *meter) *conn {
	return &conn{
		opt: opt, share: share, dialled: dialled, raw: raw,
		accepted: make(chan *stream, MaxStreams),
		joining:  make(chan *ssh.Request, 1),
		ended:    make(chan struct{}),
		done:     make(chan struct{}),
	}
}

// start serves an SSH connection whose handshake is done.
func (c *conn) start(sc ssh.Conn, chans <-chan ssh.NewChannel, reqs <-chan *ssh.Request) {
	c.ssh = sc
	requests := make(chan struct{})
	c.loops.Go(func() { c.serveChannels(chans) })
	c.loops.Go(func() {
		defer close(requests)
		c.serveRequests(reqs)
	})
	c.loops.Go(c.ping)
	c.loops.Go(c.watch)
	go func() { // joined by done
		err := sc.Wait()
		<-requests // the peer may have said why
		c.setCause(lostError(c.opt, err))
		close(c.ended)
		c.mu.Lock()
		c.over = true
		c.mu.Unlock()
		c.loops.Wait()
		close(c.done)
	}()
}

// spawn runs f in a goroutine that done waits for; not if it is too late.
func (c *conn) spawn(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.loops.Go(f)
	}
	return !c.over
}

// serveChannels answers the peer's attempts to open channels. What is not a
// stream of ours does not exist here.
func (c *conn) serveChannels(chans <-chan ssh.NewChannel) {
	for nc := range chans {
		kind, ok := kindOf(nc.ChannelType())
		switch {
		case !ok:
			nc.Reject(ssh.UnknownChannelType, "duet answers nothing but duet")
		case !c.dialled && !c.joined.Load():
			nc.Reject(ssh.Prohibited, "join first")
		case c.open.Add(1) > MaxStreams:
			c.open.Add(-1)
			nc.Reject(ssh.ResourceShortage, fmt.Sprintf("more than %d streams", MaxStreams))
		default:
			ch, reqs, err := nc.Accept()
			if err != nil { // the connection has ended
				c.open.Add(-1)
				continue
			}
			c.accepted <- c.newStream(kind, ch, reqs)
		}
	}
}

// serveRequests answers the peer's requests that belong to no stream.
func (c *conn) serveRequests(reqs <-chan *ssh.Request) {
	for r := range reqs {
		ok := false
		switch r.Type {
		case joinRequest:
			if !c.dialled && r.WantReply && !c.joined.Load() {
				select {
				case c.joining <- r: // answered by whoever elects
					continue
				default:
				}
			}
		case byeRequest:
			c.setCause(&peerError{c.opt.PeerName, c.share, parseRefusal(r.Payload)})
			c.raw.Close()
		case pingRequest:
			ok = true
		}
		if r.WantReply {
			r.Reply(ok, nil)
		}
	}
}

// ping sees to it that the peer hears something often enough. It is the
// sending that counts, not an answer: behind a queue of data an answer may
// take long, but then data is what the peer hears.
func (c *conn) ping() {
	timer := time.NewTimer(NextBeat(time.Now(), c.opt.Ping))
	defer timer.Stop()
	for {
		select {
		case <-c.ended:
			return
		case <-timer.C:
		}
		if _, _, err := c.ssh.SendRequest(pingRequest, false, nil); err != nil {
			return
		}
		timer.Reset(NextBeat(time.Now(), c.opt.Ping))
	}
}

// watch ends a connection that has gone silent. It does not rely on a read
// deadline, because nobody reads while the peer lets an answer of ours hang.
func (c *conn) watch() {
	rest := lastBeat(time.Now(), c.opt.Ping, c.opt.Silence)
	timer := time.NewTimer(rest)
	defer timer.Stop()
	due := time.Now().Add(rest)
	for {
		select {
		case <-c.ended:
			return
		case <-timer.C:
		}
		rest = c.opt.Silence - c.raw.sinceHeard()
		if late := time.Since(due); rest <= 0 && late > c.opt.Silence/2 {
			// This process was stopped or starved. What the peer sent
			// meanwhile may be waiting in the kernel.
			rest = c.opt.Silence / 2
		}
		if rest <= 0 {
			c.fail(fmt.Errorf("%w of %s for %v: the network or the host is down, or its duet hangs",
				ErrSilent, c.opt.PeerName, c.opt.Silence))
			return
		}
		now := time.Now()
		rest = lastBeat(now, c.opt.Ping, rest)
		due = now.Add(rest)
		timer.Reset(rest)
	}
}

func (c *conn) setCause(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause == nil {
		c.cause = err
	}
}

// fail ends the connection at once.
func (c *conn) fail(err error) {
	c.setCause(err)
	c.raw.Close()
}

// failure returns why the connection ended, or nil while it lives.
func (c *conn) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}

func (c *conn) Dialled() bool            { return c.dialled }
func (c *conn) Done() <-chan struct{}    { return c.done }
func (c *conn) Traffic() (in, out int64) { return c.raw.in.Load(), c.raw.out.Load() }

func (c *conn) Err() error {
	select {
	case <-c.done:
		return c.failure()
	default:
		return nil
	}
}

// lingerTime is how long Close waits for the peer to hang up as well. Closing
// at once could take back, with a TCP reset, what was sent last.
const lingerTime = 250 * time.Millisecond

func (c *conn) Close() error {
	c.setCause(ErrClosed)
	c.raw.closeWrite()
	timer := time.NewTimer(lingerTime)
	defer timer.Stop()
	select {
	case <-c.ended:
	case <-timer.C:
	}
	err := c.raw.Close()
	<-c.done
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (c *conn) Open(ctx context.Context, kind string) (Stream, error) {
	if err := CheckKind(kind); err != nil {
		return nil, err
	}
	if c.open.Add(1) > MaxStreams {
		c.open.Add(-1)
		return nil, fmt.Errorf("open stream %q: %d are open already", kind, MaxStreams)
	}
	type result struct {
		s   *stream
		err error
	}
	// Not one of the loops: should the connection end in the instant between
	// the library's list of channels and ours, it waits for ever.
	opened := make(chan result, 1)
	go func() {
		ch, reqs, err := c.ssh.OpenChannel(typePrefix+kind+typeSuffix, nil)
		if err != nil {
			c.open.Add(-1)
			opened <- result{err: err}
			return
		}
		opened <- result{s: c.newStream(kind, ch, reqs)}
	}()
	select {
	case r := <-opened:
		if r.err != nil {
			return nil, fmt.Errorf("open stream %q: %w", kind, c.openError(r.err))
		}
		return r.s, nil
	case <-c.done:
		return nil, fmt.Errorf("open stream %q: %w", kind, c.failure())
	case <-ctx.Done():
		go func() {
			select {
			case r := <-opened:
				if r.s != nil {
					r.s.Close()
				}
			case <-c.done:
			}
		}()
		return nil, ctx.Err()
	}
}

func (c *conn) openError(err error) error {
	var refused *ssh.OpenChannelError
	if errors.As(err, &refused) {
		return fmt.Errorf("%s refused: %s", c.opt.PeerName, printable(refused.Message))
	}
	if cause := c.failure(); cause != nil {
		return cause
	}
	return err
}

func (c *conn) Accept(ctx context.Context) (Stream, error) {
	select {
	case s := <-c.accepted:
		return s, nil
	case <-c.ended:
		return nil, c.failure()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// lostError puts the end of a connection into words.
func lostError(o *Options, err error) error {
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return hungUp{fmt.Errorf("%s closed the connection without a word", o.PeerName)}
	case errors.Is(err, syscall.ECONNRESET):
		return hungUp{fmt.Errorf("connection to %s: %w", o.PeerName, tamed{err})}
	}
	return fmt.Errorf("connection to %s: %w", o.PeerName, tamed{err})
}

// hungUp is the end of a connection of which the peer's kernel told, and not the
// peer.
type hungUp struct{ error }

func (e hungUp) Unwrap() []error { return []error{ErrHungUp, e.error} }
