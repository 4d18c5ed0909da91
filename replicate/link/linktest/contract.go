package linktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"duet/replicate/link"
)

// Contract tests what every pair of connected ends must do. dial returns a new
// pair, a being the dialler, and arranges for what it takes to be cleaned up.
func Contract(t *testing.T, dial func(t *testing.T) (a, b link.Conn)) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, a, b link.Conn)
	}{
		{"streams carry bytes both ways", testBothWays},
		{"a stream that nobody reads holds up its writer only", testBackPressure},
		{"close delivers what was written", testStreamClose},
		{"close wakes who waits", testCloseWakes},
		{"the end of a connection is no end of stream", testConnClose},
		{"the peer hears why", testLeave},
		{"contexts end waiting", testContexts},
		{"streams are bounded", testBounds},
		{"there is room for what nobody has read", testRoom},
		{"a read does not wait for more", testShortReads},
		{"streams wait to be accepted", testUnaccepted},
		{"both sides close at once", testBothClose},
		{"a refused stream harms no other", testRefused},
		{"what has arrived can be read", testArrived},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := dial(t)
			defer b.Close()
			defer a.Close()
			c.test(t, a, b)
		})
	}
}

// deadline is how long anything may take that takes a moment.
const deadline = 30 * time.Second

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	t.Cleanup(cancel)
	return ctx
}

// open opens a stream on a and accepts it on b.
func open(t *testing.T, a, b link.Conn, kind string) (s, u link.Stream) {
	t.Helper()
	s, err := a.Open(within(t), kind)
	if err != nil {
		t.Fatal(err)
	}
	u, err = b.Accept(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if s.Kind() != kind || u.Kind() != kind {
		t.Fatalf("kinds %q and %q, want %q", s.Kind(), u.Kind(), kind)
	}
	return s, u
}

func testBothWays(t *testing.T, a, b link.Conn) {
	if !a.Dialled() || b.Dialled() {
		t.Errorf("dialled: %v and %v", a.Dialled(), b.Dialled())
	}
	if a.Err() != nil || b.Err() != nil {
		t.Errorf("alive, with errors %v and %v", a.Err(), b.Err())
	}
	block := bytes.Repeat([]byte("0123456789abcdef"), 100_000)
	var wg sync.WaitGroup
	for i, ends := range [][2]link.Conn{{a, b}, {b, a}, {a, b}} {
		s, u := open(t, ends[0], ends[1], fmt.Sprintf("kind-%d", i))
		for _, dir := range [][2]link.Stream{{s, u}, {u, s}} {
			wg.Go(func() {
				if _, err := dir[0].Write(block); err != nil {
					t.Error(err)
				}
			})
			wg.Go(func() {
				got := make([]byte, len(block))
				if _, err := io.ReadFull(dir[1], got); err != nil || !bytes.Equal(got, block) {
					t.Errorf("the bytes differ, or %v", err)
				}
			})
		}
	}
	wg.Wait()
	for name, c := range map[string]link.Conn{"a": a, "b": b} {
		if in, out := c.Traffic(); in < int64(3*len(block)) || out < int64(3*len(block)) {
			t.Errorf("%s counts %d bytes in and %d out", name, in, out)
		}
	}
}

func testBackPressure(t *testing.T, a, b link.Conn) {
	const size = 64 << 20
	s, u := open(t, a, b, "slow")
	var written atomic.Int64
	done := make(chan error, 1)
	go func() {
		block := make([]byte, 64<<10)
		for written.Load() < size {
			n, err := s.Write(block)
			written.Add(int64(n))
			if err != nil {
				done <- err
				return
			}
		}
		done <- s.Close()
	}()
	q, r := open(t, a, b, "quick")
	for range 100 {
		b := []byte("ping")
		if _, err := q.Write(b); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(r, b); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-done:
		t.Fatalf("%d bytes went where nobody reads (%v)", written.Load(), err)
	default:
	}
	n, err := io.Copy(io.Discard, u)
	if n != size || err != nil {
		t.Errorf("read %d bytes, %v", n, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func testStreamClose(t *testing.T, a, b link.Conn) {
	s, u := open(t, a, b, "x")
	if _, err := s.Write([]byte("last words")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	if got, err := io.ReadAll(u); string(got) != "last words" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := s.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("read of a stream closed here: %v", err)
	}
	if _, err := s.Write([]byte("more")); err == nil {
		t.Error("a closed stream was written to")
	}
	var err error
	for deadline := time.Now().Add(deadline); err == nil && time.Now().Before(deadline); {
		_, err = u.Write([]byte("anybody there?"))
	}
	if err == nil {
		t.Error("a stream closed by the peer was written to")
	}
	if err := u.Close(); err != nil {
		t.Error(err)
	}
	open(t, b, a, "the-connection-lives")
}

func testCloseWakes(t *testing.T, a, b link.Conn) {
	s, _ := open(t, a, b, "x")
	read, wrote := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := s.Read(make([]byte, 1))
		read <- err
	}()
	filled := make(chan struct{})
	go func() {
		block := make([]byte, 1<<10)
		_, err := s.Write(block)
		close(filled)
		for err == nil {
			_, err = s.Write(block)
		}
		wrote <- err
	}()
	<-filled
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]chan error{"Read": read, "Write": wrote} {
		select {
		case err := <-c:
			if err == nil || err == io.EOF {
				t.Errorf("%s ended with %v", name, err)
			}
		case <-time.After(deadline):
			t.Errorf("%s still waits", name)
		}
	}
}

func testConnClose(t *testing.T, a, b link.Conn) {
	s, u := open(t, a, b, "x")
	read := make(chan error, 2)
	for _, x := range []link.Stream{s, u} {
		go func() {
			_, err := x.Read(make([]byte, 1))
			read <- err
		}()
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := <-read; err == nil || err == io.EOF {
			t.Errorf("a stream of a lost connection ended with %v", err)
		}
	}
	for _, c := range []link.Conn{a, b} {
		select {
		case <-c.Done():
		case <-time.After(deadline):
			t.Fatal("the other side has not ended")
		}
		if c.Err() == nil || strings.Contains(c.Err().Error(), "EOF") {
			t.Errorf("ended with %v", c.Err())
		}
		if _, err := c.Open(within(t), "x"); err == nil {
			t.Error("opened a stream on what has ended")
		}
		if _, err := c.Accept(within(t)); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("accept on what has ended: %v", err)
		}
	}
	if !errors.Is(a.Err(), link.ErrClosed) {
		t.Errorf("closed here, but says %v", a.Err())
	}
	if err := a.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

func testLeave(t *testing.T, a, b link.Conn) {
	if err := a.Leave(link.Halts, "halted on a"); err != nil {
		t.Error(err)
	}
	for _, c := range []link.Conn{a, b} {
		select {
		case <-c.Done():
		case <-time.After(deadline):
			t.Fatal("it has not ended")
		}
	}
	if err := b.Err(); link.ReasonOf(err) != link.Halts || !strings.Contains(err.Error(), "halted on a") {
		t.Errorf("the peer has heard %v", err)
	}
	if err := a.Err(); !errors.Is(err, link.ErrClosed) || link.ReasonOf(err) != 0 {
		t.Errorf("closed here, but says %v", err)
	}
}

func testContexts(t *testing.T, a, b link.Conn) {
	ctx, cancel := context.WithCancel(context.Background())
	accepted := make(chan error, 1)
	go func() {
		_, err := b.Accept(ctx)
		accepted <- err
	}()
	cancel()
	if err := <-accepted; !errors.Is(err, context.Canceled) {
		t.Errorf("accept: %v", err)
	}
	if _, err := a.Open(ctx, "x"); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("open: %v", err)
	}
}

func testBounds(t *testing.T, a, b link.Conn) {
	for _, kind := range []string{"", "UPPER", "a b", "a@1", strings.Repeat("x", 33)} {
		if _, err := a.Open(within(t), kind); err == nil || !strings.Contains(err.Error(), "stream kind") {
			t.Errorf("kind %q: got %v", kind, err)
		}
	}
	var last link.Stream
	for range link.MaxStreams {
		last, _ = open(t, a, b, "x")
	}
	for _, c := range []link.Conn{a, b} {
		if _, err := c.Open(within(t), "x"); err == nil {
			t.Error("opened one too many")
		}
	}
	last.Close()
	var err error
	for deadline := time.Now().Add(deadline); time.Now().Before(deadline); {
		if _, err = a.Open(within(t), "x"); err == nil {
			return
		}
	}
	t.Errorf("none may be opened after one was closed: %v", err)
}
