package link

import (
	"context"
	"net"
)

// Hub is a node's side of its connections to the peer, for all shares.
type Hub struct {
	opt Options
}

// NewHub checks the options and starts to listen; nobody is answered before
// Run.
func NewHub(o Options) (*Hub, error) { panic("not yet") }

// Addr returns the address that the Hub listens on, nil if it does not.
func (h *Hub) Addr() net.Addr { panic("not yet") }

// Endpoint returns the Endpoint of a share; the same one each time.
func (h *Hub) Endpoint(share string) *Endpoint { panic("not yet") }

// Run listens and dials until ctx is done; it returns when every connection is
// closed and every goroutine has ended.
func (h *Hub) Run(ctx context.Context) error { panic("not yet") }

// Close stops listening, for a Hub that is never Run.
func (h *Hub) Close() error { panic("not yet") }
