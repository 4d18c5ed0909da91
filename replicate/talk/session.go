// Package talk is the conversation with the peer over one connection. Each node
// tells the other of every path whose journal position the other has not heard
// of, in journal order, and goes on as its journal grows: that is the whole of
// it, after an instant apart and after a month.
//
// On the control stream, Feed says and Read hears; on streams of their own the
// peer asks for contents, which a Source answers. A session decides nothing and
// writes nothing: it reads the index, and hands what it hears to an Ear. What
// the peer says is bounded here, before anybody else sees it.
package talk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"duet/replicate/book"
	"duet/replicate/link"
	"duet/replicate/pace"
	"duet/replicate/stock"
	"duet/replicate/transfer"
	"duet/replicate/wire"
	"duet/store/index"
)

// ErrApart means that what needs both nodes cannot be done, because they are
// not connected.
var ErrApart = errors.New("is not connected")

// controlKind is the kind of the stream that carries everything but contents.
// The node that dialled opens it.
const controlKind = "control"

// Session is one connection's conversation. Its goroutines are those that call
// Feed, Read and Accept; they end with its context.
type Session struct {
	Ctx   context.Context // ends with the session
	Conn  link.Conn
	Fetch *transfer.Fetcher // of contents that the peer has
	Limit *pace.Limiter     // of the contents that go along with changes; nil: none
	Soon  int               // so many changes are told before what a person saves; 0: soonEnough or amidOthers, negative: none
	Woken func()            // for a simulation: called when Feed has been woken; may be nil

	book   *book.Book
	cancel context.CancelFunc
	stream link.Stream          // set before anything is said
	wakeup chan struct{}        // capacity 1: the journal has grown
	say    chan wire.Msg        // bounded: acks and controls
	read   chan []stock.Content // bounded: what has just been read and is about to be told of
	room   chan struct{}        // a token for each place among what was heard and is not committed
	told   atomic.Uint64        // our position up to which the peer was told, or is just being told
	window window               // what is told and not taken yet
	ahead  ahead                // what is not to wait for its turn

	squeezes bool                     // the peer knows wire.Squeezed
	last     []last                   // what is to be said after changes
	ack      *wire.Ack                // the last that was said; nil: none
	farewell atomic.Pointer[farewell] // nil: none

	early    bool          // our hello said that our first scan of all goes on
	scanning atomic.Bool   // and it still does
	live     atomic.Uint64 // small contents go along with what lies behind this position
}

// maxHeard bounds the messages of changes that are heard and not committed.
const maxHeard = 8

// sayMost bounds what waits to be said besides changes.
const sayMost = 16

// readMost bounds the batches of contents that wait for Feed, and maxStock the
// bytes of those that it keeps until it tells of them.
const (
	readMost = 4
	maxStock = 8 << 20
)

// New begins a session on a connection. It ends with ctx, or with Close.
func New(ctx context.Context, conn link.Conn, b *book.Book) *Session {
	ctx, cancel := context.WithCancel(ctx)
	return &Session{
		Ctx: ctx, Conn: conn, book: b, cancel: cancel,
		wakeup: make(chan struct{}, 1), say: make(chan wire.Msg, sayMost), read: make(chan []stock.Content, readMost),
		room: make(chan struct{}, maxHeard), window: window{most: maxAlong, few: fewAhead},
	}
}

// Begin prepares for the conversation after the hellos: the peer has heard us up
// to from, what lies behind live is sent with its content if that is small,
// protocol is the version that both speak, and o is how contents are fetched.
func (sess *Session) Begin(from, live index.Seq, protocol uint32, o transfer.Options) {
	sess.told.Store(uint64(from))
	sess.live.Store(uint64(live))
	sess.squeezes = protocol >= wire.Squeezed
	sess.ahead = ahead{can: protocol >= wire.Ahead, behind: sess.soon(soonEnough), amid: sess.soon(amidOthers)}
	o.Open, o.Ranges = sess.Conn.Open, protocol >= wire.Ranges
	sess.Fetch = transfer.NewFetcher(o)
}

func (sess *Session) soon(most int) index.Seq { return index.Seq(max(0, cmp.Or(sess.Soon, most))) }

// Close ends the session. It waits for nobody.
func (sess *Session) Close() { sess.cancel() }

// Leave is Close for a reason that the peer hears.
func (sess *Session) Leave(why link.Reason, text string) {
	sess.farewell.CompareAndSwap(nil, &farewell{why, text})
	sess.cancel()
}

// HangUp ends the connection of a session that has ended here.
func (sess *Session) HangUp() {
	if f := sess.farewell.Load(); f != nil {
		sess.Conn.Leave(f.why, f.text)
		return
	}
	sess.Conn.Close()
}

// farewell is what the peer hears last.
type farewell struct {
	why  link.Reason
	text string
}

// Wake lets Feed look at the journal, which has grown.
func (sess *Session) Wake() {
	select {
	case sess.wakeup <- struct{}{}:
	default:
	}
}

// HaveRead hands Feed contents of files that are about to be told of, so that it need
// not read them once more. There may be no room for them, and then it does.
func (sess *Session) HaveRead(contents []stock.Content) {
	select {
	case sess.read <- contents:
	default:
	}
}

// Say has Feed say m. It reports whether there was room for it.
func (sess *Session) Say(m wire.Msg) bool {
	select {
	case sess.say <- m:
		return true
	default:
		return false
	}
}

// Committed lets Read go on after n messages of changes.
func (sess *Session) Committed(n int) {
	for range n {
		<-sess.room
	}
}

// Told returns up to where the peer was told, or is just being told, what our journal
// has.
func (sess *Session) Told() index.Seq { return index.Seq(sess.told.Load()) }

// Over reports, when Feed or Read has failed, whether that is only how the end of
// the session or of its connection shows. The connection knows better why it has
// ended, and is given a moment to say so.
func (sess *Session) Over() bool {
	if sess.Ctx.Err() != nil {
		return true
	}
	select {
	case <-sess.Conn.Done():
		return true
	case <-time.After(time.Second):
		return false
	}
}

// Accept hands the streams that the peer opens to serve until the session ends.
func (sess *Session) Accept(serve func(link.Stream)) {
	for {
		stream, err := sess.Conn.Accept(sess.Ctx)
		if err != nil {
			return
		}
		serve(stream)
	}
}

// Ear is who listens. Its funcs are called by the goroutine in Read.
type Ear struct {
	Changes  func(*wire.Changes)  // what the peer said of its index; room is made by Committed
	Ack      func(*wire.Ack)      // how far the peer has heard us
	Held     func()               // the peer's person wants to look first
	Released func(*index.Reserve) // and has, but for what is left out of the plan; nil: nothing is
}

// Read hears the peer until the session ends. An error that wire.IsImpossible
// knows is the peer's fault.
func (sess *Session) Read(ear Ear) error {
	for {
		m, err := wire.ReadMsg(sess.stream)
		if err != nil {
			return fmt.Errorf("hear the peer: %w", err)
		}
		switch m := m.(type) {
		case *wire.Changes:
			if sess.window.heard(m, sess.told.Load()) {
				sess.Wake()
			}
			select {
			case sess.room <- struct{}{}:
			case <-sess.Ctx.Done():
				return sess.Ctx.Err()
			}
			ear.Changes(m)
		case *wire.Ack:
			if told := sess.told.Load(); uint64(m.Heard) > told {
				return wire.Impossible("peer acknowledges position %d, it was told up to %d", m.Heard, told)
			}
			if sess.window.hears(m.Heard) {
				sess.Wake()
			}
			ear.Ack(m)
		case *wire.Control:
			switch m.Kind {
			case wire.Hold:
				ear.Held()
			case wire.Release:
				ear.Released(m.Reserve)
			case wire.Bye, wire.Refuse:
				return fmt.Errorf("peer says: %s", m.Text)
			}
		default:
			return wire.Impossible("peer sent a %T on the control stream", m)
		}
	}
}
