package main

import (
	"io"
	"net"
	"sync"
	"time"
)

// longLink is a listener that forwards to another address and delays every
// byte, in both directions, by the same time, however many there are: it adds
// latency and takes no bandwidth.
type longLink struct {
	listener net.Listener
	from     *host
	to       string
	delay    time.Duration

	mu    sync.Mutex
	conns []net.Conn
}

func newLongLink(from *host, listen, to string, delay time.Duration) (*longLink, error) {
	l, err := from.listen(listen)
	if err != nil {
		return nil, err
	}
	k := &longLink{listener: l, from: from, to: to, delay: delay}
	go k.serve()
	return k, nil
}

func (k *longLink) serve() {
	for {
		near, err := k.listener.Accept()
		if err != nil {
			return
		}
		go func() {
			far, err := k.from.dial(k.to)
			if err != nil {
				near.Close()
				return
			}
			k.mu.Lock()
			k.conns = append(k.conns, near, far)
			k.mu.Unlock()
			go k.carry(far, near)
			k.carry(near, far)
		}()
	}
}

// piece is some bytes, and when they come out at the other end.
type piece struct {
	due  time.Time
	data []byte
}

// inFlight bounds what is under way: 256 MiB, far more than 40 ms of any link
// that is measured here.
const inFlight = 4096

func (k *longLink) carry(to, from net.Conn) {
	pieces := make(chan piece, inFlight)
	go func() {
		defer close(pieces)
		for {
			buf := make([]byte, 64<<10)
			n, err := from.Read(buf)
			if n > 0 {
				pieces <- piece{time.Now().Add(k.delay), buf[:n]}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range pieces {
		time.Sleep(time.Until(p.due))
		if _, err := to.Write(p.data); err != nil {
			break
		}
	}
	time.Sleep(k.delay)
	if c, ok := to.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
	_, _ = io.Copy(io.Discard, pieceReader(pieces))
}

// pieceReader drains what is left, so that the reader ends.
type pieceReader chan piece

func (r pieceReader) Read(p []byte) (int, error) {
	if _, ok := <-r; !ok {
		return 0, io.EOF
	}
	return 0, nil
}

func (k *longLink) close() {
	_ = k.listener.Close()
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range k.conns {
		_ = c.Close()
	}
}
