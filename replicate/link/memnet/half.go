package memnet

import (
	"io"
	"net"
	"sync"
)

// half is one direction of a stream: a bounded buffer.
type half struct {
	mu        sync.Mutex
	moved     *sync.Cond
	buf       []byte
	closed    bool  // the writer has closed: what is in buf, then io.EOF
	abandoned bool  // the reader has closed
	readErr   error // the connection has ended for the reader
	writeErr  error // and for the writer
}

const halfSize = 256 << 10

func newHalf() *half {
	h := &half{}
	h.moved = sync.NewCond(&h.mu)
	return h
}

func (h *half) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.abandoned:
			return 0, net.ErrClosed
		case len(h.buf) > 0:
			n := copy(p, h.buf)
			h.buf = h.buf[n:]
			h.moved.Broadcast()
			return n, nil
		case h.readErr != nil:
			return 0, h.readErr
		case h.closed:
			return 0, io.EOF
		case len(p) == 0:
			return 0, nil
		}
		h.moved.Wait()
	}
}

func (h *half) write(p []byte) (n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.closed:
			return n, net.ErrClosed
		case h.writeErr != nil:
			return n, h.writeErr
		case h.abandoned:
			return n, io.ErrClosedPipe
		case len(p) == 0:
			return n, nil
		}
		if room := min(halfSize-len(h.buf), len(p)); room > 0 {
			h.buf = append(h.buf, p[:room]...)
			p, n = p[room:], n+room
			h.moved.Broadcast()
			continue
		}
		h.moved.Wait()
	}
}

// state is the error that a write would meet.
func (h *half) state() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return net.ErrClosed
	}
	return h.writeErr
}

func (h *half) change(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
	h.moved.Broadcast()
}
