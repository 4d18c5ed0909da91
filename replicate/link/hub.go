package link

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
)

// Hub is a node's side of its connections to the peer, for all shares.
type Hub struct {
	opt      Options
	prefer   bool // of two connections, the one that this node dialled stays
	listener net.Listener
	gate     gate
	told     once
	dials    chan struct{} // the handshakes that run
	wg       sync.WaitGroup

	mu        sync.Mutex
	endpoints map[string]*Endpoint
	run       func(*Endpoint) // starts an Endpoint's loop; nil before Run
}

// NewHub checks the options and starts to listen; nobody is answered before
// Run.
func NewHub(o Options) (*Hub, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	h := &Hub{
		opt:       o,
		prefer:    cmp.Less(NodeID(o.Key.Public()), NodeID(o.Peer)),
		dials:     make(chan struct{}, maxDials),
		endpoints: make(map[string]*Endpoint),
	}
	if o.Listen != "" {
		l, err := net.Listen("tcp", o.Listen)
		if err != nil {
			return nil, fmt.Errorf("listen on %q: %w: is duet running already, or is the port another program's?", o.Listen, err)
		}
		h.listener = l
	}
	return h, nil
}

// Addr returns the address that the Hub listens on, nil if it does not.
func (h *Hub) Addr() net.Addr {
	if h.listener == nil {
		return nil
	}
	return h.listener.Addr()
}

// Endpoint returns the Endpoint of a share; the same one each time.
func (h *Hub) Endpoint(share string) *Endpoint {
	h.mu.Lock()
	defer h.mu.Unlock()
	e := h.endpoints[share]
	if e == nil {
		e = newEndpoint(h, share)
		h.endpoints[share] = e
		if h.run != nil {
			h.run(e)
		}
	}
	return e
}

func (h *Hub) lookup(share string) *Endpoint {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.endpoints[share]
}

// Run lets in and dials until ctx is done; it returns when every connection is
// closed and every goroutine has ended. A Hub runs once.
func (h *Hub) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h.mu.Lock()
	if h.run != nil {
		h.mu.Unlock()
		return errors.New("this hub has run already")
	}
	h.run = func(e *Endpoint) { h.wg.Go(func() { e.loop(ctx) }) }
	for _, name := range slices.Sorted(maps.Keys(h.endpoints)) {
		h.run(h.endpoints[name])
	}
	h.mu.Unlock()

	var err error
	if h.listener == nil {
		<-ctx.Done()
	} else {
		stop := context.AfterFunc(ctx, func() { h.listener.Close() })
		err = h.accept(ctx)
		stop()
		h.listener.Close()
	}
	cancel()
	h.mu.Lock()
	h.run = func(e *Endpoint) { e.end() }
	h.mu.Unlock()
	h.wg.Wait()
	return err
}

// Close stops listening, for a Hub that is never Run.
func (h *Hub) Close() error {
	if h.listener == nil {
		return nil
	}
	return h.listener.Close()
}
