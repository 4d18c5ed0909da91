package link

import (
	"net"
	"sync"
	"time"
)

// gate bounds the connections that have not proved yet who they are, in all
// and per remote host, so that one bad host cannot keep the peer out.
type gate struct {
	mu     sync.Mutex
	total  int
	byHost map[string]int
}

const (
	maxStrangers = 32
	maxPerHost   = 16
)

// enter reports whether one more connection from host may come in; then leave
// has to be called once.
func (g *gate) enter(host string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.total >= maxStrangers || g.byHost[host] >= maxPerHost {
		return false
	}
	if g.byHost == nil {
		g.byHost = make(map[string]int)
	}
	g.total++
	g.byHost[host]++
	return true
}

func (g *gate) leave(host string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.total--
	if g.byHost[host]--; g.byHost[host] == 0 {
		delete(g.byHost, host)
	}
}

func hostOf(a net.Addr) string {
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return host
}

// once keeps a message that strangers can cause from filling the log.
type once struct {
	mu   sync.Mutex
	seen map[string]time.Time
}

const (
	oncePer = 10 * time.Minute
	maxSeen = 256
)

// again reports whether key was seen within the last minutes.
func (o *once) again(key string, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if at, ok := o.seen[key]; ok && now.Sub(at) < oncePer {
		return true
	}
	if o.seen == nil || len(o.seen) >= maxSeen {
		o.seen = make(map[string]time.Time)
	}
	o.seen[key] = now
	return false
}
