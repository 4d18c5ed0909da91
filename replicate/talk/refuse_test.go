package talk

import (
	"context"
	"strings"
	"testing"
	"time"

	"duet/replicate/link"
	"duet/replicate/link/linktest"
	"duet/replicate/wire"
)

// shutting tells when the stream that is opened on it is closed.
type shutting struct {
	link.Conn
	shut chan struct{}
}

func (c shutting) Open(ctx context.Context, kind string) (link.Stream, error) {
	s, err := c.Conn.Open(ctx, kind)
	return shuttingStream{s, c.shut}, err
}

type shuttingStream struct {
	link.Stream
	shut chan struct{}
}

func (s shuttingStream) Close() error {
	defer close(s.shut)
	return s.Stream.Close()
}

// Who is refused hears why, also if that is said before the own hello: which it
// is, as a rule, since a hello waits for the first scan.
func TestRefusedIsTold(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	there, here := linktest.Pipe()
	shut, over := make(chan struct{}), make(chan struct{})
	go func() {
		Refuse(ctx, shutting{there, shut}, "share halted on b: its disk is full")
		close(over)
	}()
	<-shut
	sess := New(ctx, here, nil)
	_, err := sess.Greet(&wire.Hello{Protocol: wire.Protocol, Oldest: wire.Oldest, Share: "s", NodeName: "a", Node: 1, Epoch: 7})
	if err == nil || err.Error() != "peer says: share halted on b: its disk is full" {
		t.Errorf("got %v", err)
	}
	here.Close()
	<-over
	if _, err := New(ctx, here, nil).Greet(&wire.Hello{}); err == nil || strings.Contains(err.Error(), "peer says") {
		t.Errorf("nobody is there, and says %v", err)
	}
}
