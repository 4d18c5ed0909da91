package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"golang.org/x/crypto/ssh"
)

// accept lets connections in until the listener is closed.
func (h *Hub) accept(ctx context.Context) error {
	for {
		nc, err := h.listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			if errors.Is(err, net.ErrClosed) {
				return fmt.Errorf("listen on %s: %w", h.opt.Listen, err)
			}
			// Out of descriptors or memory: that may pass.
			h.tell(slog.LevelError, "accept", "cannot accept connections for now", "error", err)
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		host := hostOf(nc.RemoteAddr())
		if !h.gate.enter(host) {
			nc.Close()
			h.tell(slog.LevelWarn, "gate", "too many connections that do not authenticate: dropped one", "remote", host)
			continue
		}
		h.wg.Go(func() { h.serve(ctx, nc, host) })
	}
}

// serve brings a connection that the peer dialled to its endpoint.
func (h *Hub) serve(ctx context.Context, nc net.Conn, host string) {
	defer h.gate.leave(host) // by then it is known, or closed
	stop := context.AfterFunc(ctx, func() { nc.Close() })
	defer stop()
	tune(nc, h.opt.Silence)
	raw := newMeter(nc, h.opt.Handshake, h.opt.Handshake)
	var wrongKey error
	sc, chans, reqs, err := ssh.NewServerConn(raw, h.opt.server(func(err error) { wrongKey = err }))
	if err != nil {
		nc.Close()
		text := explainStranger(&h.opt, errors.Join(wrongKey, err))
		if ctx.Err() == nil {
			h.tell(slog.LevelWarn, host+text, text, "remote", host)
		}
		return
	}
	c := newConn(&h.opt, sc.User(), false, raw)
	c.start(sc, chans, reqs)
	if !h.admit(ctx, c, stop) {
		c.Close()
	}
}

// admit waits for the request to join, and answers it. It returns false if
// the connection is not wanted, after the peer has had time to hear why. When
// the hub stops, the connection is closed at once until disown is called;
// after that its endpoint ends it, with a word to the peer.
func (h *Hub) admit(ctx context.Context, c *conn, disown func() bool) bool {
	timer := time.NewTimer(time.Until(c.raw.limit))
	defer timer.Stop()
	var join *ssh.Request
	select {
	case join = <-c.joining:
	case <-timer.C:
		return false
	case <-c.ended:
		return false
	}
	refuse := func(r Reason) bool {
		join.Reply(false, r.marshal(""))
		select {
		case <-c.ended:
		case <-timer.C:
		case <-ctx.Done():
		}
		return false
	}
	e := h.lookup(c.share)
	if e == nil {
		share := printable(c.share)
		h.tell(slog.LevelWarn, "share "+share, "the peer asks for a share that is not in this configuration: check that the share has one name on both hosts",
			"peer", h.opt.PeerName, "share", share)
		return refuse(noShare)
	}
	if !disown() {
		return false // the hub stops
	}
	c.joined.Store(true) // streams may come as soon as the answer is out
	if r := e.offer(ctx, c); r != welcome {
		return refuse(r)
	}
	c.raw.steady()
	if join.Reply(true, nil) != nil {
		c.raw.Close()
	}
	return true
}
