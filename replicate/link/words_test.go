package link_test

import (
	"context"
	"net"
	"strings"
	"testing"

	"duet/replicate/link"
)

func TestHubRefusesBadOptions(t *testing.T) {
	key, peer := newKey(t), newKey(t).Public()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, c := range map[string]struct {
		o    link.Options
		want string
	}{
		"no key":           {link.Options{Peer: peer, Listen: "127.0.0.1:0"}, "no node key"},
		"no peer":          {link.Options{Key: key, Listen: "127.0.0.1:0"}, "peer.key"},
		"itself":           {link.Options{Key: key, Peer: key.Public(), Listen: "127.0.0.1:0"}, "own key"},
		"no way to meet":   {link.Options{Key: key, Peer: peer}, "neither listen nor peer.address"},
		"address, no port": {link.Options{Key: key, Peer: peer, Address: "tgt-b"}, "HOST:PORT"},
		"port is taken":    {link.Options{Key: key, Peer: peer, Listen: taken.Addr().String()}, "is duet running already"},
		"no such address":  {link.Options{Key: key, Peer: peer, Listen: "192.0.2.1:0"}, `listen on "192.0.2.1:0"`},
	} {
		h, err := link.NewHub(c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
		if h != nil {
			h.Close()
		}
	}
}

// Whatever stands in the way, the state says what and where to look.
func TestReasons(t *testing.T) {
	t.Parallel()
	talk := func(say string) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				c.Write([]byte(say))
				c.Close()
			}
		}()
		t.Cleanup(func() { l.Close(); <-done })
		return l.Addr().String()
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for name, c := range map[string]struct{ address, want string }{
		"nobody there": {closed.Addr().String(), "connection refused by " + closed.Addr().String() + ": is duet running on tgt-b"},
		"no such name": {"no-such-host.invalid:7722", `cannot find the address of "no-such-host.invalid": check peer.address`},
		"hangs up":     {talk(""), "tgt-b closed the connection at"},
		"another kind": {talk("HTTP/1.1 400 Bad Request\r\n\r\n"), "handshake"},
	} {
		t.Run(name, func(t *testing.T) {
			a := start(t, newKey(t), newKey(t).Public(), func(o *link.Options) { o.Address = c.address })
			x := a.Endpoint("images")
			eventually(t, "a reason", func() bool { return x.State().Error != "" })
			if got := x.State().Error; !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestHubRunsOnce(t *testing.T) {
	t.Parallel()
	a := start(t, newKey(t), newKey(t).Public(), listening)
	a.stop()
	if err := a.Run(context.Background()); err == nil {
		t.Error("ran twice")
	}
}
