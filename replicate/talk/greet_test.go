package talk

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"duet/replicate/book"
	"duet/replicate/link/linktest"
	"duet/replicate/transfer"
	"duet/replicate/wire"
	"duet/store"
	"duet/store/index"
)

// early returns a session that has said that its first scan goes on, and the
// stream on which the peer hears it.
func early(t *testing.T, scanned chan struct{}) (*Session, func() wire.Msg) {
	t.Helper()
	sess, _, heard := both(t, scanned)
	return sess, heard
}

// both is early that also returns a func by which the peer says something.
func both(t *testing.T, scanned chan struct{}) (*Session, func(wire.Msg), func() wire.Msg) {
	t.Helper()
	st, err := store.Open(filepath.Join(t.TempDir(), "s.db"), store.Options{Share: "s", Node: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	here, there := linktest.Pipe()
	t.Cleanup(func() { here.Close() })
	late := time.AfterFunc(time.Minute, func() { here.Close() })
	t.Cleanup(func() { late.Stop() })
	sess := New(context.Background(), there, &book.Book{Store: st, Now: time.Now})
	t.Cleanup(sess.Close)
	hello := func(node index.NodeID) *wire.Hello {
		return &wire.Hello{Protocol: wire.Protocol, Oldest: 1, Share: "s", NodeName: "b", Node: node, Epoch: 7}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	stream, err := here.Open(ctx, controlKind)
	if err != nil {
		t.Fatal(err)
	}
	if err := wire.WriteMsg(stream, hello(2)); err != nil {
		t.Fatal(err)
	}
	ours, _, err := sess.GreetEarly(scanned, func() (*wire.Hello, error) { return hello(1), nil })
	if err != nil || !ours.Scanning {
		t.Fatalf("%+v, %v", ours, err)
	}
	say := func(m wire.Msg) {
		if err := wire.WriteMsg(stream, m); err != nil {
			t.Fatal(err)
		}
	}
	return sess, say, func() wire.Msg {
		m, err := wire.ReadMsg(stream)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
}

// A scan that ends between the hello and the first message has an end, too.
func TestScanEndsBeforeAnythingIsTold(t *testing.T) {
	sess, heard := early(t, make(chan struct{}))
	if h, ok := heard().(*wire.Hello); !ok || !h.Scanning {
		t.Fatalf("heard %+v", h)
	}
	sess.Begin(0, Never, wire.Protocol, transfer.Options{})
	sess.Scanned(0)
	done := make(chan error, 1)
	go func() { done <- sess.Feed(nil, 0) }()
	if c, ok := heard().(*wire.Changes); !ok || c.Scanning {
		t.Errorf("heard %+v", c)
	}
	sess.Close()
	<-done
}
