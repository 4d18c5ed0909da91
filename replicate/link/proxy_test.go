package link_test

import (
	"net"
	"sync"
	"testing"
)

// proxy is a network between two nodes that can fail.
type proxy struct {
	listener net.Listener

	mu     sync.Mutex
	target net.Addr      // nil: nowhere yet
	frozen chan struct{} // closed: bytes pass
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
			wg.Go(func() { p.pass(far, near) })
			wg.Go(func() { p.pass(near, far) })
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
func (p *proxy) pass(to, from net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		frozen := p.frozen
		p.mu.Unlock()
		<-frozen
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

// cutFar ends the connections of the target, and of nobody else.
func (p *proxy) cutFar() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.far {
		c.Close()
	}
}
