package talk

import (
	"context"
	"fmt"

	"duet/replicate/link"
	"duet/replicate/wire"
	"duet/store/index"
)

// control opens or accepts the control stream.
func control(ctx context.Context, conn link.Conn) (link.Stream, error) {
	if conn.Dialled() {
		return conn.Open(ctx, controlKind)
	}
	stream, err := conn.Accept(ctx)
	if err == nil && stream.Kind() != controlKind {
		stream.Close()
		return nil, fmt.Errorf("peer opened a %s stream before the control stream", stream.Kind())
	}
	return stream, err
}

// Refuse tells the peer why this share does not talk, and hangs up.
func Refuse(ctx context.Context, conn link.Conn, text string) {
	defer conn.Close()
	stream, err := control(ctx, conn)
	if err != nil {
		return
	}
	wire.WriteMsg(stream, &wire.Control{Kind: wire.Refuse, Text: text})
	stream.Close()
	select {
	case <-conn.Done():
	case <-ctx.Done():
	}
}

// Greet exchanges hellos.
func (sess *Session) Greet(ours *wire.Hello) (*wire.Hello, error) {
	if err := sess.open(); err != nil {
		return nil, err
	}
	b, err := wire.Append(nil, ours)
	if err != nil {
		return nil, fmt.Errorf("say hello: %w", err)
	}
	// Who refuses to talk says so and hangs up, and does not wait for our hello.
	_, unsaid := sess.stream.Write(b)
	return sess.hearHello(unsaid)
}

func (sess *Session) open() (err error) {
	if sess.stream, err = control(sess.Ctx, sess.Conn); err != nil {
		return fmt.Errorf("open the control stream: %w", err)
	}
	return nil
}

// hearHello hears the peer's hello, or why it does not say one; unsaid is what
// became of ours.
func (sess *Session) hearHello(unsaid error) (*wire.Hello, error) {
	m, err := wire.ReadMsg(sess.stream)
	if c, ok := m.(*wire.Control); ok {
		return nil, fmt.Errorf("peer says: %s", c.Text)
	}
	if unsaid != nil {
		return nil, fmt.Errorf("say hello: %w", unsaid)
	}
	if err != nil {
		return nil, fmt.Errorf("wait for the peer's hello: %w", err)
	}
	if h, ok := m.(*wire.Hello); ok {
		return h, nil
	}
	return nil, wire.Impossible("peer began with a %T", m)
}

// GreetEarly is Greet while the first scan of all goes on, of which scanned tells
// the end. The peer says hello first; if it is one that can hear from a node that
// does not know yet what it has, it gets a hello that says so, and else one after
// the scan. Of two nodes that both scan, the one whose scan ends first says hello.
func (sess *Session) GreetEarly(scanned <-chan struct{}, hello func() (*wire.Hello, error)) (ours, theirs *wire.Hello, err error) {
	if err := sess.open(); err != nil {
		return nil, nil, err
	}
	type answer struct {
		hello *wire.Hello
		err   error
	}
	heard := make(chan answer, 1)
	go func() {
		h, err := sess.hearHello(nil)
		heard <- answer{h, err}
	}()
	early := false
	select {
	case h := <-heard:
		heard <- h
		early = h.err == nil && hearsEarly(h.hello)
		err = h.err
	case <-scanned:
	case <-sess.Ctx.Done():
	}
	sess.awake()
	if early {
		ours, err = hello()
		early = err == nil && !ours.Hold
	}
	if !early && err == nil {
		select {
		case <-scanned:
		case <-sess.Ctx.Done():
		}
		sess.awake()
		ours, err = hello()
	}
	if err == nil {
		ours.Scanning = early
		err = wire.WriteMsg(sess.stream, ours)
	}
	if err != nil {
		sess.Close() // which ends the reader, too
	} else {
		sess.early = early
		sess.scanning.Store(early)
	}
	h := <-heard
	if h.err != nil {
		err = h.err
	}
	return ours, h.hello, err
}

// hearsEarly reports whether the peer can be told of what the first scan of all
// has found so far. Whoever wants to look at a plan first wants to see all of it.
func hearsEarly(theirs *wire.Hello) bool {
	return theirs.Protocol >= wire.Early && !theirs.Hold && !theirs.Scanning
}

func (sess *Session) awake() {
	if sess.Woken != nil {
		sess.Woken()
	}
}

// Scanned says that the first scan of all is over. What is found from here on, at
// positions behind head, the peer cannot have.
func (sess *Session) Scanned(head index.Seq) {
	if sess.scanning.Load() {
		sess.live.CompareAndSwap(uint64(Never), uint64(head))
		sess.scanning.Store(false)
		sess.Wake()
	}
}

// Never is a position that no journal comes to.
const Never = index.Seq(1<<64 - 1)
