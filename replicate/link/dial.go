package link

import (
	"context"
	"errors"
	"net"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	// dialTime is how long one attempt to reach the peer's host may take: its
	// answer to a lost first packet, a second later, still counts.
	dialTime = 3 * time.Second
	// dialPatience is for how long the peer may be silent in the handshake.
	// After that a new attempt does better than waiting for TCP, which by then
	// retries at growing intervals.
	dialPatience = 4 * time.Second
	// maxDials bounds the handshakes of one node that run at the same time,
	// below what the other side's gate lets in.
	maxDials = 8
)

// dial connects to the peer and joins the share.
func (h *Hub) dial(ctx context.Context, share string) (*conn, error) {
	select {
	case h.dials <- struct{}{}:
		defer func() { <-h.dials }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	dialer := net.Dialer{Timeout: dialTime}
	nc, err := dialer.DialContext(ctx, "tcp", h.opt.Address)
	if err != nil {
		return nil, explainDial(&h.opt, err)
	}
	stop := context.AfterFunc(ctx, func() { nc.Close() })
	defer stop()
	c, err := h.shake(nc, share)
	if err != nil {
		nc.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	return c, nil
}

// shake does the handshake of the dialling side.
func (h *Hub) shake(nc net.Conn, share string) (*conn, error) {
	tune(nc, h.opt.Silence)
	raw := newMeter(nc, min(dialPatience, h.opt.Handshake), h.opt.Handshake)
	var wrongKey error
	sc, chans, reqs, err := ssh.NewClientConn(raw, h.opt.Address, h.opt.client(share, func(err error) { wrongKey = err }))
	if err != nil {
		return nil, explainHandshake(&h.opt, errors.Join(wrongKey, err))
	}
	c := newConn(&h.opt, share, true, raw)
	c.start(sc, chans, reqs)
	ok, answer, err := sc.SendRequest(joinRequest, true, nil)
	if err == nil && ok {
		c.joined.Store(true)
		raw.steady()
		return c, nil
	}
	c.raw.Close()
	<-c.done
	if err != nil {
		if cause := c.failure(); cause != nil {
			err = cause
		}
		return nil, explainHandshake(&h.opt, err)
	}
	return nil, &peerError{h.opt.PeerName, share, parseRefusal(answer)}
}
