package linktest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"duet/replicate/link"
)

// testRoom: both sides may begin by writing, before anybody reads.
func testRoom(t *testing.T, a, b link.Conn) {
	block := bytes.Repeat([]byte("x"), 128<<10)
	s, u := open(t, a, b, "x")
	for _, x := range []link.Stream{s, u} {
		if n, err := x.Write(block); n != len(block) || err != nil {
			t.Fatalf("%d bytes, %v", n, err)
		}
	}
	for _, x := range []link.Stream{s, u} {
		got := make([]byte, len(block))
		if _, err := io.ReadFull(x, got); err != nil || !bytes.Equal(got, block) {
			t.Errorf("the bytes differ, or %v", err)
		}
	}
}

// testShortReads: a read waits for something, and not for more than there is.
func testShortReads(t *testing.T, a, b link.Conn) {
	s, u := open(t, a, b, "x")
	buf := make([]byte, 100)
	for _, text := range []string{"one", "two and more"} {
		if _, err := s.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		n, err := u.Read(buf)
		if n == 0 || err != nil || string(buf[:n]) != text[:n] {
			t.Fatalf("read %q, %v", buf[:n], err)
		}
		if _, err := io.ReadFull(u, buf[n:len(text)]); err != nil || string(buf[:len(text)]) != text {
			t.Fatalf("read %q, %v", buf[:len(text)], err)
		}
	}
	if n, err := s.Write(nil); n != 0 || err != nil {
		t.Errorf("a write of nothing: %d, %v", n, err)
	}
}

// testUnaccepted: as many streams as there may be can be opened, written to
// and closed before the peer looks at them; it finds them in order, and all
// that is in them.
func testUnaccepted(t *testing.T, a, b link.Conn) {
	for i := range link.MaxStreams {
		s, err := a.Open(within(t), fmt.Sprintf("kind-%d", i))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintf(s, "text %d", i); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	for i := range link.MaxStreams {
		u, err := b.Accept(within(t))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(u)
		if u.Kind() != fmt.Sprintf("kind-%d", i) || string(got) != fmt.Sprintf("text %d", i) || err != nil {
			t.Errorf("stream %d is %q with %q, %v", i, u.Kind(), got, err)
		}
		if err := u.Close(); err != nil {
			t.Error(err)
		}
	}
}

// testBothClose: two sides that close at once get in nobody's way, and make
// room for as many streams again.
func testBothClose(t *testing.T, a, b link.Conn) {
	for range 3 * link.MaxStreams {
		s, u := opened(t, a, b)
		var wg sync.WaitGroup
		for _, x := range []link.Stream{s, u} {
			wg.Go(func() {
				if err := errors.Join(x.Close(), x.Close()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	open(t, b, a, "the-connection-lives")
}

// opened opens a stream as soon as there is room for one: the peer answers a
// close in its own time.
func opened(t *testing.T, a, b link.Conn) (s, u link.Stream) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(deadline); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if s, err = a.Open(within(t), "x"); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if u, err = b.Accept(within(t)); err != nil {
		t.Fatal(err)
	}
	return s, u
}

// testRefused: one stream too many is refused by itself, and harms no other.
func testRefused(t *testing.T, a, b link.Conn) {
	s, u := open(t, a, b, "first")
	for range link.MaxStreams - 1 {
		open(t, b, a, "x")
	}
	for range 3 {
		for _, c := range []link.Conn{a, b} {
			if _, err := c.Open(within(t), "x"); err == nil {
				t.Error("opened one too many")
			}
		}
	}
	if _, err := s.Write([]byte("still there")); err != nil {
		t.Error(err)
	}
	got := make([]byte, len("still there"))
	if _, err := io.ReadFull(u, got); err != nil || string(got) != "still there" {
		t.Errorf("got %q, %v", got, err)
	}
	if a.Err() != nil || b.Err() != nil {
		t.Errorf("the connection ended: %v, %v", a.Err(), b.Err())
	}
}

// testArrived: what has arrived can be read when the connection is no more.
func testArrived(t *testing.T, a, b link.Conn) {
	s, u := open(t, a, b, "x")
	if _, err := s.Write([]byte("last words")); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 1)
	if _, err := io.ReadFull(u, first); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	<-b.Done()
	got, err := io.ReadAll(u)
	if string(got) != "ast words" || err == nil {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := u.Write([]byte("anybody there?")); err == nil {
		t.Error("wrote to what has ended")
	}
	if err := u.Close(); err != nil {
		t.Errorf("close of a stream that has ended: %v", err)
	}
}
