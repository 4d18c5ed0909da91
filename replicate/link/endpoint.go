package link

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// Endpoint is one share's end of the link. Its loop owns all that changes.
type Endpoint struct {
	hub    *Hub
	share  string
	conns  chan Conn
	offers chan offer
	state  atomic.Pointer[State]
	over   chan struct{} // closed when the loop has ended

	// The loop's own.
	current   *conn // the elected one; nil if there is none, or it has ended
	delivered bool  // current has been handed out
	stops     bool  // this node has said that it stops: there will be no other one
	pause     time.Duration
	born      time.Time // of current
	told      telling
}

// State is what there is to say of an Endpoint.
type State struct {
	Connected bool
	Dialled   bool      // this node dialled the connection
	Remote    string    // the peer's network address
	Since     time.Time // of Connected, or of the disconnection; of Run at first
	Error     string    // why it is not connected, and what to do; "" if nothing is known
	Next      time.Time // the next attempt to dial; zero while one runs, and for a node that does not dial
}

// offer is a connection that asks to be elected.
type offer struct {
	c      *conn
	answer chan Reason
}

func newEndpoint(h *Hub, share string) *Endpoint {
	e := &Endpoint{
		hub: h, share: share,
		conns:  make(chan Conn),
		offers: make(chan offer),
		over:   make(chan struct{}),
	}
	e.state.Store(&State{Since: time.Now()})
	return e
}

// Share returns the name of the share.
func (e *Endpoint) Share() string { return e.share }

// Conns delivers each connection that is elected. At most one is alive: the
// one before has been closed. It is closed when the Hub's Run ends.
func (e *Endpoint) Conns() <-chan Conn { return e.conns }

// State says whether the share is connected, and if not, why.
func (e *Endpoint) State() State { return *e.state.Load() }

// offer proposes a connection to the loop.
func (e *Endpoint) offer(ctx context.Context, c *conn) Reason {
	o := offer{c, make(chan Reason, 1)}
	select {
	case e.offers <- o:
		return <-o.answer
	case <-ctx.Done():
		return Stops
	case <-e.over:
		return Stops
	}
}

// dialled is the outcome of an attempt to dial.
type dialled struct {
	c   *conn
	err error
}

// loop elects, delivers and dials until ctx is done.
func (e *Endpoint) loop(ctx context.Context) {
	defer e.end()
	e.update(func(s *State) { s.Since = time.Now() })
	results := make(chan dialled, 1)
	var abort context.CancelFunc // of the attempt that runs
	retry := newRetry(e.hub.opt.Address != "")
	retry.after(e.courtesy())
	for {
		var out chan Conn
		var ended chan struct{}
		var due <-chan time.Time
		if e.current != nil {
			ended = e.current.done
			if !e.delivered {
				out = e.conns
			}
		} else if abort == nil && !e.stops {
			due = retry.due()
		}
		select {
		case out <- Conn(e.current):
			e.delivered = true
		case o := <-e.offers:
			r := e.elect(o.c)
			if r == welcome && abort != nil && !e.hub.prefer {
				abort() // the one that came in is the one that stays
			}
			o.answer <- r
		case <-ended:
			retry.after(e.lost())
		case <-e.told.lasting:
			e.told.lasts()
			e.tellConnected()
		case <-due:
			abort = e.attempt(ctx, results)
		case r := <-results:
			abort()
			abort = nil
			retry.after(e.attempted(r))
		case <-ctx.Done():
			if abort != nil {
				abort()
				if r := <-results; r.c != nil {
					r.c.bye(Stops, "", ErrClosed)
				}
			}
			if e.current != nil {
				e.current.bye(Stops, "", ErrClosed)
			}
			return
		}
	}
}

// end is for when the loop has ended, or will never be.
func (e *Endpoint) end() {
	close(e.over)
	close(e.conns)
}

// attempt dials once, in a goroutine of its own. The returned function has to
// be called.
func (e *Endpoint) attempt(ctx context.Context, results chan<- dialled) context.CancelFunc {
	e.update(func(s *State) { s.Next = time.Time{} })
	ctx, cancel := context.WithCancel(ctx)
	go func() { // joined by its result
		c, err := e.hub.dial(ctx, e.share)
		results <- dialled{c, err}
	}()
	return cancel
}

// attempted takes the outcome of an attempt, and returns how long to wait
// before the next.
func (e *Endpoint) attempted(r dialled) time.Duration {
	if r.err == nil {
		if why := e.elect(r.c); why != welcome {
			r.c.bye(why, "", errReplaced)
		}
		return 0 // there is a connection, or will be none: the loop does not dial
	}
	if e.current != nil {
		return 0
	}
	if !errors.Is(r.err, context.Canceled) {
		e.complain(r.err)
	}
	return e.backoff()
}

// elect decides on a connection that is ready. Both nodes see the same two
// connections and choose alike, in whatever order they see them.
func (e *Endpoint) elect(c *conn) Reason {
	if old := e.current; old != nil && isDone(old.ended) {
		<-old.done
		e.lost()
	}
	if e.stops || e.current != nil && e.current.last.Load() {
		return Stops
	}
	if old := e.current; old != nil {
		if !e.better(c, old) {
			return duplicate
		}
		if e.quiet(old) {
			old.fail(errReplaced)
			<-old.done
		} else {
			old.bye(duplicate, "", errReplaced)
		}
	}
	known := e.current != nil
	e.current, e.delivered, e.born = c, false, time.Now()
	if !known && e.told.connected(e.lasting()) {
		e.tellConnected()
	}
	e.state.Store(&State{Connected: true, Dialled: c.dialled, Remote: c.raw.RemoteAddr().String(), Since: e.born})
	return welcome
}

var errReplaced = errors.New("another connection to the peer takes the place of this one")

// better reports whether c takes the place of old, which is not known to have
// ended.
func (e *Endpoint) better(c, old *conn) bool {
	if c.dialled == old.dialled {
		return true // who dials again has given up the one before
	}
	if c.dialled == e.hub.prefer {
		return true
	}
	// The peer dialled although it should have the better connection: either
	// both dialled at the same time, or the better one is dead and only the
	// peer knows.
	return e.quiet(old)
}

// quiet reports whether c is suspected to be dead: from a peer that lives,
// something is heard with every ping.
func (e *Endpoint) quiet(c *conn) bool { return c.raw.sinceHeard() > 2*e.hub.opt.Ping }

// lost takes note of the end of the current connection, and returns how long
// to wait before dialling.
func (e *Endpoint) lost() time.Duration {
	err := e.current.failure()
	lived := time.Since(e.born)
	e.stops = e.stops || e.current.last.Load()
	e.current = nil
	e.state.Store(&State{Since: time.Now(), Error: err.Error()})
	if e.told.lost(err.Error(), lived > e.lasting()) {
		e.hub.opt.Log.Info("connection lost", "share", e.share, "peer", e.hub.opt.PeerName, "reason", err, "after", lived.Round(time.Millisecond))
	}
	// One that ended at once may do so again, and must not make a busy loop.
	if lived > e.lasting() {
		e.pause = 0
		return e.courtesy()
	}
	return e.backoff()
}

// lasting is how long a connection must live to be taken for a working one.
func (e *Endpoint) lasting() time.Duration { return 2 * e.hub.opt.RetryMax }

func (e *Endpoint) tellConnected() {
	e.hub.opt.Log.Info("connected", "share", e.share, "peer", e.hub.opt.PeerName, "remote", e.current.raw.RemoteAddr().String())
}

// complain records why there is no connection, and logs it if that is news.
func (e *Endpoint) complain(err error) {
	e.update(func(s *State) { s.Error = err.Error() })
	if e.told.failed(err.Error()) {
		e.hub.opt.Log.Warn("cannot connect", "share", e.share, "peer", e.hub.opt.PeerName, "reason", err)
	}
}

// courtesy is how long the node whose connections give way waits for the
// other one to dial.
func (e *Endpoint) courtesy() time.Duration {
	if e.hub.prefer || e.hub.opt.Listen == "" {
		return 0
	}
	return e.hub.opt.Courtesy
}

// backoff returns the next pause between two attempts, and makes the one after
// it longer.
func (e *Endpoint) backoff() time.Duration {
	o := &e.hub.opt
	e.pause = min(max(2*e.pause, o.RetryMin), o.RetryMax)
	d := e.pause/2 + rand.N(e.pause/2)
	e.update(func(s *State) {
		if o.Address != "" {
			s.Next = time.Now().Add(d)
		}
	})
	return d
}

func (e *Endpoint) update(f func(*State)) {
	s := e.State()
	f(&s)
	e.state.Store(&s)
}

func isDone(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
