package link_test

import (
	"net"
	"sync"
	"testing"
	"time"
)

// proxy is a network between two nodes that can fail.
type proxy struct {
	listener net.Listener

	mu     sync.Mutex
	target net.Addr      // nil: nowhere yet
	frozen chan struct{} // closed: bytes pass
	muted  [2]bool       // what the near side sends, and the far side, is lost
	passed [2]time.Time  // when it last passed on what the near side sent, and the far side
	near   []net.Conn    // of who dialled
	far    []net.Conn    // of the target
}

func newProxy(t *testing.T, target net.Addr) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: target, frozen: make(chan struct{})}
	close(p.frozen)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far := p.dial()
			if far == nil {
				near.Close()
				continue
			}
			p.mu.Lock()
			p.near, p.far = append(p.near, near), append(p.far, far)
			p.mu.Unlock()
			wg.Go(func() { p.pass(far, near, 0) })
			wg.Go(func() { p.pass(near, far, 1) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.thaw()
		for _, c := range append(p.near, p.far...) {
			c.Close()
		}
		wg.Wait()
	})
	return p
}

// lead sets where the proxy leads to.
func (p *proxy) lead(target net.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

func (p *proxy) dial() net.Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.target == nil {
		return nil
	}
	c, err := net.Dial("tcp", p.target.String())
	if err != nil {
		return nil
	}
	return c
}

func (p *proxy) Addr() net.Addr { return p.listener.Addr() }

// pass copies until either side fails; it closes nothing, as a network does.
func (p *proxy) pass(to, from net.Conn, side int) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		frozen, muted := p.frozen, p.muted[side]
		p.mu.Unlock()
		<-frozen
		if muted {
			continue
		}
		p.mu.Lock()
		p.passed[side] = time.Now()
		p.mu.Unlock()
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// freeze stops all bytes, without a word to anybody.
func (p *proxy) freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frozen = make(chan struct{})
}

// quiet is how long nothing has come through of what the near side sends (0), or
// the far side (1).
func (p *proxy) quiet(side int) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Since(p.passed[side])
}

// thaw lets them pass again.
func (p *proxy) thaw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.frozen:
	default:
		close(p.frozen)
	}
}

// mute loses what the near side sends, or the far side.
func (p *proxy) mute(near, far bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.muted = [2]bool{near, far}
}

// reset ends all connections on both sides.
func (p *proxy) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range append(p.near, p.far...) {
		c.(*net.TCPConn).SetLinger(0) //nolint:errcheck // it may have ended
		c.Close()
	}
}

// cutFar ends the connections of the target, and of nobody else.
func (p *proxy) cutFar() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.far {
		c.Close()
	}
}
