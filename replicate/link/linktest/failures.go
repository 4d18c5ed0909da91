package linktest

import (
	"errors"
	"io"
	"testing"
	"time"

	"duet/replicate/link"
)

// Line is a connected pair that can fail.
type Line struct {
	A, B link.Conn // A dialled
	// Break tears the connection: both sides are told at once, and what is on
	// the way is lost.
	Break func()
	// Mute loses what A sends from now on, or B, without a word to anybody.
	Mute func(a, b bool)
}

// Failures tests what every link must do when the network fails. dial returns
// a new line. around runs a test: in time that passes by itself or another.
func Failures(t *testing.T, around func(t *testing.T, test func(t *testing.T)), dial func(t *testing.T) Line) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, l Line)
	}{
		{"a break wakes who waits", breakWakes},
		{"a break in the middle of something", breakAmid},
		{"silence ends a connection", silence},
		{"silence from one side ends it for both", oneWay},
	} {
		t.Run(c.name, func(t *testing.T) {
			around(t, func(t *testing.T) {
				l := dial(t)
				defer l.B.Close()
				defer l.A.Close()
				c.test(t, l)
			})
		})
	}
}

// ended waits until both sides know, and checks what they say.
func ended(t *testing.T, l Line) {
	t.Helper()
	for name, c := range map[string]link.Conn{"A": l.A, "B": l.B} {
		select {
		case <-c.Done():
		case <-time.After(deadline):
			t.Fatalf("%s has not noticed", name)
		}
		if err := c.Err(); err == nil || err == io.EOF || errors.Is(err, link.ErrClosed) {
			t.Errorf("%s ended with %v", name, err)
		}
		if _, err := c.Open(within(t), "x"); err == nil {
			t.Errorf("%s opened a stream on what has ended", name)
		}
		if _, err := c.Accept(within(t)); err == nil {
			t.Errorf("%s accepted a stream on what has ended", name)
		}
	}
}

// fails waits for an error that is neither nil nor io.EOF.
func fails(t *testing.T, what string, from chan error) {
	t.Helper()
	select {
	case err := <-from:
		if err == nil || err == io.EOF {
			t.Errorf("%s ended with %v", what, err)
		}
	case <-time.After(deadline):
		t.Errorf("%s still waits", what)
	}
}

func reading(s link.Stream) chan error {
	done := make(chan error, 1)
	go func() {
		_, err := s.Read(make([]byte, 1))
		done <- err
	}()
	return done
}

// filling writes until it fails.
func filling(s link.Stream) (begun chan struct{}, done chan error) {
	begun, done = make(chan struct{}), make(chan error, 1)
	go func() {
		block := make([]byte, 16<<10)
		_, err := s.Write(block)
		close(begun)
		for err == nil {
			_, err = s.Write(block)
		}
		done <- err
	}()
	return begun, done
}

func breakWakes(t *testing.T, l Line) {
	s, u := open(t, l.A, l.B, "idle")
	full, unread := open(t, l.A, l.B, "full")
	back, unreadToo := open(t, l.B, l.A, "back")
	_, _ = unread, unreadToo
	readA, readB := reading(s), reading(u)
	begunA, writeA := filling(full)
	begunB, writeB := filling(back)
	<-begunA
	<-begunB
	l.Break()
	fails(t, "A's read", readA)
	fails(t, "B's read", readB)
	fails(t, "A's write", writeA)
	fails(t, "B's write", writeB)
	ended(t, l)
	for _, x := range []link.Stream{s, u, full, back} {
		if err := x.Close(); err != nil {
			t.Errorf("close of a stream that is lost: %v", err)
		}
	}
}

// breakAmid: what comes out is a beginning of what went in, and then an error.
func breakAmid(t *testing.T, l Line) {
	s, u := open(t, l.A, l.B, "x")
	block := make([]byte, 8<<20)
	for i := range block {
		block[i] = byte(i >> 8)
	}
	go s.Write(block) //nolint:errcheck // it is lost
	first := make([]byte, 1<<10)
	if _, err := io.ReadFull(u, first); err != nil {
		t.Fatal(err)
	}
	l.Break()
	rest, err := io.ReadAll(u)
	if err == nil {
		t.Error("a broken connection looks like the end of the stream")
	}
	got := append(first, rest...)
	if len(got) >= len(block) {
		t.Errorf("all of %d bytes came, and nobody read", len(got))
	}
	for i := range got {
		if got[i] != block[i] {
			t.Fatalf("byte %d of %d is not what was sent", i, len(got))
		}
	}
	ended(t, l)
}

func silence(t *testing.T, l Line) {
	s, u := open(t, l.A, l.B, "x")
	readA, readB := reading(s), reading(u)
	l.Mute(true, true)
	if _, err := s.Write([]byte("into the void")); err != nil {
		t.Errorf("nobody knows yet, but: %v", err)
	}
	fails(t, "A's read", readA)
	fails(t, "B's read", readB)
	ended(t, l)
	for _, c := range []link.Conn{l.A, l.B} {
		if !errors.Is(c.Err(), link.ErrSilent) {
			t.Errorf("nothing was heard, and it says %v", c.Err())
		}
	}
}

// oneWay: the deaf side notices, hangs up, and so ends it for the other.
func oneWay(t *testing.T, l Line) {
	s, u := open(t, l.A, l.B, "x")
	l.Mute(true, false)
	if _, err := s.Write([]byte("into the void")); err != nil {
		t.Errorf("nobody knows yet, but: %v", err)
	}
	if _, err := u.Write([]byte("loud and clear")); err != nil {
		t.Error(err)
	}
	got := make([]byte, len("loud and clear"))
	if _, err := io.ReadFull(s, got); err != nil || string(got) != "loud and clear" {
		t.Errorf("what the other side sends is %q, %v", got, err)
	}
	if n, err := u.Read(got); n != 0 || err == nil || err == io.EOF {
		t.Errorf("%d bytes came out of the void, %v", n, err)
	}
	ended(t, l)
	if !errors.Is(l.B.Err(), link.ErrSilent) {
		t.Errorf("nothing was heard, and it says %v", l.B.Err())
	}
}
