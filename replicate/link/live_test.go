package link_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"duet/replicate/link"
)

// silence is longer than a busy machine keeps this process, and with it both
// nodes, from running: no connection ends before a test cuts it.
const silence = 3 * time.Second

// impatient makes a node notice silence soon.
func impatient(o *link.Options) { o.Ping, o.Silence = 200*time.Millisecond, silence }

// A network that drops everything without a word is noticed by both sides, and
// they meet again when it is back.
func TestSilentCut(t *testing.T) {
	t.Parallel()
	small, large := keys(t)
	b := start(t, large, small.Public(), func(o *link.Options) { listening(o); impatient(o) })
	p := newProxy(t, b.Addr())
	a := start(t, small, large.Public(), func(o *link.Options) { dialling(p.Addr())(o); impatient(o) })
	x, y := a.Endpoint("images"), b.Endpoint("images")
	c, d := next(t, x), next(t, y)
	p.freeze()
	for side, end := range []link.Conn{d, c} {
		if err := ended(t, end); !errors.Is(err, link.ErrSilent) {
			t.Errorf("ended with %v", err)
		}
		if quiet := p.quiet(side); quiet < silence {
			t.Errorf("given up after %v, before the time", quiet)
		}
	}
	p.thaw()
	next(t, x)
	next(t, y)
}

// Idle connections, and those that a slow reader holds up, are not silent.
func TestSlowIsNotSilent(t *testing.T) {
	t.Parallel()
	a, b := pair(t, impatient)
	x, y := a.Endpoint("images"), b.Endpoint("images")
	c, d := next(t, x), next(t, y)
	s, err := c.Open(context.Background(), "slow")
	if err != nil {
		t.Fatal(err)
	}
	wrote := make(chan error, 1)
	go func() {
		_, err := s.Write(make([]byte, 16<<20)) // until somebody reads
		wrote <- errors.Join(err, s.Close())
	}()
	idle := time.NewTimer(8 * time.Second) // well over twice what silence takes
	defer idle.Stop()
	select {
	case <-c.Done():
		t.Fatalf("ended with %v", c.Err())
	case <-d.Done():
		t.Fatalf("ended with %v", d.Err())
	case <-idle.C:
	}
	u, err := d.Accept(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, u); n != 16<<20 || err != nil {
		t.Errorf("read %d bytes, %v", n, err)
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
}

// bothDial runs two hubs that dial each other: a, with the smaller NodeID,
// through p, and b through q.
func bothDial(t *testing.T, change func(*link.Options)) (a, b *node, p, q *proxy) {
	small, large := keys(t)
	p, q = newProxy(t, nil), newProxy(t, nil)
	a = start(t, small, large.Public(), func(o *link.Options) { listening(o); dialling(p.Addr())(o); change(o) })
	b = start(t, large, small.Public(), func(o *link.Options) { listening(o); dialling(q.Addr())(o); change(o) })
	p.lead(b.Addr())
	q.lead(a.Addr())
	return a, b, p, q
}

// Both dial at the same time, again and again: both end up with the same
// connection, and only with that.
func TestOneConnectionStays(t *testing.T) {
	t.Parallel()
	a, b, _, _ := bothDial(t, impatient)
	shares := []string{"images", "cgi-bins", "logs"}
	for _, share := range shares {
		a.Endpoint(share)
		b.Endpoint(share)
	}
	for range 3 {
		for _, share := range shares {
			x, y := a.Endpoint(share), b.Endpoint(share)
			c, d := next(t, x), next(t, y)
			for !sameConn(t, c, d) {
				select { // one of them has been replaced
				case c = <-x.Conns():
				case d = <-y.Conns():
				case <-time.After(patience):
					t.Fatal("the two nodes do not agree on a connection")
				}
			}
			d.Close()
			ended(t, c)
		}
	}
}

// sameConn reports whether c and d are the two ends of one connection.
func sameConn(t *testing.T, c, d link.Conn) bool {
	t.Helper()
	if c.Dialled() == d.Dialled() {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	go func() {
		select {
		case <-c.Done():
		case <-d.Done():
		case <-ctx.Done():
		}
		cancel()
	}()
	s, err := c.Open(ctx, "x")
	if err != nil {
		return false
	}
	defer s.Close()
	u, err := d.Accept(ctx)
	if err != nil {
		return false
	}
	return u.Kind() == "x"
}

// One side has lost the connection, and the other, whose connection it was,
// does not know: a new one takes its place long before silence would tell.
func TestDeadConnectionGivesWay(t *testing.T) {
	t.Parallel()
	a, b, p, q := bothDial(t, func(o *link.Options) { o.Ping, o.Silence = 100*time.Millisecond, time.Hour })
	q.freeze()
	x, y := a.Endpoint("images"), b.Endpoint("images")
	c, d := next(t, x), next(t, y)
	if !c.Dialled() || d.Dialled() {
		t.Fatal("a connection came through where nothing passes")
	}
	p.freeze()
	p.cutFar()
	q.thaw()
	ended(t, d)
	if err := ended(t, c); errors.Is(err, link.ErrSilent) {
		t.Errorf("ended with %v", err)
	}
	if c, d := next(t, x), next(t, y); c.Dialled() || !d.Dialled() {
		t.Error("the new connection was dialled by the node that knew nothing")
	}
}
