package link_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"duet/replicate/link"
	"duet/replicate/link/linktest"
)

const patience = time.Minute

// node is one side of a test: a hub that runs.
type node struct {
	*link.Hub
	key  *link.Key
	log  *lines
	stop func() // ends the hub and waits for it
}

// lines is a log to look at.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newKey(t testing.TB) *link.Key {
	t.Helper()
	k, err := link.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// keys returns two keys, that of the smaller NodeID first.
func keys(t testing.TB) (small, large *link.Key) {
	a, b := newKey(t), newKey(t)
	if link.NodeID(a.Public()) > link.NodeID(b.Public()) {
		return b, a
	}
	return a, b
}

// start runs a hub. Times are short unless the test sets them.
func start(t testing.TB, key *link.Key, peer link.PublicKey, change func(*link.Options)) *node {
	t.Helper()
	log := &lines{}
	o := link.Options{
		Key: key, Peer: peer, PeerName: "tgt-b", Log: slog.New(slog.NewTextHandler(log, nil)),
		RetryMin: 10 * time.Millisecond, RetryMax: 100 * time.Millisecond, Courtesy: 10 * time.Millisecond,
	}
	change(&o)
	h, err := link.NewHub(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("run: %v", err)
			}
		case <-time.After(patience):
			t.Error("the hub does not stop")
		}
	})
	t.Cleanup(stop)
	return &node{h, key, log, stop}
}

func listening(o *link.Options) { o.Listen = "127.0.0.1:0" }

func dialling(address net.Addr) func(*link.Options) {
	return func(o *link.Options) { o.Address = address.String() }
}

// pair runs two hubs, a dialling b.
func pair(t testing.TB, change func(*link.Options)) (a, b *node) {
	small, large := keys(t)
	b = start(t, large, small.Public(), func(o *link.Options) { listening(o); change(o) })
	a = start(t, small, large.Public(), func(o *link.Options) { dialling(b.Addr())(o); change(o) })
	return a, b
}

func unchanged(*link.Options) {}

// next waits for the next connection.
func next(t testing.TB, e *link.Endpoint) link.Conn {
	t.Helper()
	select {
	case c := <-e.Conns():
		return c
	case <-time.After(patience):
		t.Fatalf("no connection: %+v", e.State())
		return nil
	}
}

func ended(t testing.TB, c link.Conn) error {
	t.Helper()
	select {
	case <-c.Done():
		return c.Err()
	case <-time.After(patience):
		t.Fatal("the connection does not end")
		return nil
	}
}

// eventually waits until what a loop publishes is as it should be.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: did not happen", what)
		}
	}
}

func TestContract(t *testing.T) {
	t.Parallel()
	linktest.Contract(t, func(t *testing.T) (x, y link.Conn) {
		a, b := pair(t, unchanged)
		y2 := b.Endpoint("images")
		return next(t, a.Endpoint("images")), next(t, y2)
	})
}

// TestFailures holds the connection against the same contract as the one of
// the simulator.
func TestFailures(t *testing.T) {
	t.Parallel()
	around := func(t *testing.T, test func(*testing.T)) { test(t) }
	linktest.Failures(t, around, func(t *testing.T) linktest.Line {
		small, large := keys(t)
		quick := func(o *link.Options) {
			o.Ping, o.Silence, o.RetryMin = 200*time.Millisecond, 2*time.Second, time.Minute
		}
		b := start(t, large, small.Public(), func(o *link.Options) { listening(o); quick(o) })
		p := newProxy(t, b.Addr())
		a := start(t, small, large.Public(), func(o *link.Options) { dialling(p.Addr())(o); quick(o) })
		y := b.Endpoint("images")
		return linktest.Line{A: next(t, a.Endpoint("images")), B: next(t, y), Break: p.reset, Mute: p.mute}
	})
}

func TestManySharesAtOnce(t *testing.T) {
	t.Parallel()
	a, b := pair(t, unchanged)
	var wg sync.WaitGroup
	for i := range 40 {
		share := "share-" + string(rune('A'+i))
		x, y := a.Endpoint(share), b.Endpoint(share)
		wg.Go(func() {
			s, err := next(t, x).Open(context.Background(), "name")
			if err != nil {
				t.Error(err)
				return
			}
			io.WriteString(s, share)
			s.Close()
		})
		wg.Go(func() {
			u, err := next(t, y).Accept(context.Background())
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := io.ReadAll(u); string(got) != share || err != nil {
				t.Errorf("share %q is connected to %q (%v)", share, got, err)
			}
		})
	}
	wg.Wait()
}

func TestReconnects(t *testing.T) {
	t.Parallel()
	a, b := pair(t, func(o *link.Options) { o.RetryMax = time.Second })
	x, y := a.Endpoint("images"), b.Endpoint("images")
	for range 6 {
		c, d := next(t, x), next(t, y)
		if s := x.State(); !s.Connected || !s.Dialled || s.Error != "" {
			t.Errorf("state %+v", s)
		}
		d.Close()
		if err := ended(t, c); !strings.Contains(err.Error(), "tgt-b closed the connection") {
			t.Errorf("lost with %v", err)
		}
	}
	// It stays this time, and only then the log says so.
	next(t, x)
	next(t, y)
	told := func() int { return strings.Count(a.log.String(), "msg=connected") }
	before := told()
	eventually(t, "a line for the connection that stays", func() bool { return told() > before })
	if log := a.log.String(); told() > 4 || strings.Count(log, "connection lost") > 3 {
		t.Errorf("6 connections that did not last make too many lines:\n%s", log)
	}
}

// A peer that restarts is found again in less than the longest pause, and the
// log has a line when it is lost, one for the reason and one when it is back.
func TestPeerRestarts(t *testing.T) {
	t.Parallel()
	small, large := keys(t)
	// An address that nobody else takes while b is away.
	b := start(t, large, small.Public(), func(o *link.Options) { o.Listen = fmt.Sprintf("127.77.%d.%d:0", rand.IntN(256), 1+rand.IntN(254)) })
	a := start(t, small, large.Public(), dialling(b.Addr()))
	x := a.Endpoint("images")
	next(t, b.Endpoint("images"))
	c := next(t, x)
	b.stop()
	if err := ended(t, c); !strings.Contains(err.Error(), "duet was stopped on tgt-b") {
		t.Errorf("lost with %v", err)
	}
	eventually(t, "the reason", func() bool { return strings.Contains(x.State().Error, "connection refused") })
	if s := x.State(); s.Connected || !strings.Contains(s.Error, "is duet running on tgt-b") {
		t.Errorf("state %+v", s)
	}
	for attempts, last := 0, (time.Time{}); attempts < 4; { // none of them in the log
		eventually(t, "another attempt", func() bool { n := x.State().Next; return !n.IsZero() && n != last })
		attempts, last = attempts+1, x.State().Next
	}
	address := b.Addr().String()
	b = start(t, large, small.Public(), func(o *link.Options) { o.Listen = address })
	b.Endpoint("images")
	next(t, x)
	a.stop()
	log := a.log.String()
	if strings.Count(log, "connection refused") != 1 || strings.Count(log, "connection lost") != 1 || strings.Count(log, "msg=connected") != 2 {
		t.Errorf("one line per change was wanted:\n%s", log)
	}
}

func TestUnknownShare(t *testing.T) {
	t.Parallel()
	a, b := pair(t, unchanged)
	b.Endpoint("other")
	x := a.Endpoint("images")
	eventually(t, "a refusal", func() bool { return x.State().Error != "" })
	if got := x.State().Error; !strings.HasPrefix(got, `tgt-b has no share "images": check`) {
		t.Errorf("the dialler says %q", got)
	}
	b.Endpoint("images") // as if configured now
	next(t, x)
	if log := b.log.String(); strings.Count(log, "share=images") != 2 || !strings.Contains(log, "not in this configuration") {
		t.Errorf("log of the side that refused:\n%s", log)
	}
}

func TestStopEndsConnections(t *testing.T) {
	t.Parallel()
	a, b := pair(t, unchanged)
	x, y := a.Endpoint("images"), b.Endpoint("images")
	c, d := next(t, x), next(t, y)
	a.stop()
	if err := ended(t, c); err != link.ErrClosed {
		t.Errorf("here: %v", err)
	}
	if err := ended(t, d); !strings.Contains(err.Error(), "duet was stopped on") {
		t.Errorf("there: %v", err)
	}
	if _, open := <-x.Conns(); open {
		t.Error("a stopped hub delivers connections")
	}
	if _, open := <-a.Endpoint("new").Conns(); open {
		t.Error("a stopped hub delivers connections")
	}
}
