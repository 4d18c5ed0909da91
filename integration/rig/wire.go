package rig

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Wire is a connection through this process that can be cut, for tests that may
// not change a network.
type Wire struct {
	to       string
	listener net.Listener

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]bool
	all   sync.WaitGroup
}

// NewWire leads what is sent to its address on to another one.
func NewWire(t testing.TB, to string) *Wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	w := &Wire{to: to, listener: l, conns: map[net.Conn]bool{}}
	w.all.Go(w.accept)
	t.Cleanup(func() {
		l.Close()
		w.Cut()
		w.all.Wait()
	})
	return w
}

// Address is where to dial.
func (w *Wire) Address() string { return w.listener.Addr().String() }

// Cut ends all connections, and lets no new one through.
func (w *Wire) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = true
	for c := range w.conns {
		c.Close()
	}
}

// Mend lets new connections through.
func (w *Wire) Mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = false
}

func (w *Wire) accept() {
	for {
		near, err := w.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", w.to)
		if err != nil || !w.hold(near, far) {
			near.Close()
			if err == nil {
				far.Close()
			}
			continue
		}
		w.all.Go(func() { w.carry(near, far) })
	}
}

// carry leads each direction on until it ends. One that has ended leaves the other
// as it is, as on a real line: what was said last arrives.
func (w *Wire) carry(near, far net.Conn) {
	var both sync.WaitGroup
	for from, to := range map[net.Conn]net.Conn{near: far, far: near} {
		both.Go(func() {
			io.Copy(to, from)              //nolint:errcheck // however it ends, it has
			to.(*net.TCPConn).CloseWrite() //nolint:errcheck // it may be gone
		})
	}
	both.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range []net.Conn{near, far} {
		c.Close()
		delete(w.conns, c)
	}
}

// hold notes connections that a cut is to end; it reports whether there is one.
func (w *Wire) hold(conns ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut {
		return false
	}
	for _, c := range conns {
		w.conns[c] = true
	}
	return true
}
