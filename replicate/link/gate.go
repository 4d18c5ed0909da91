package link

import (
	"context"
	"log/slog"
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

// once keeps what strangers and the peer can cause from filling the log: each
// message is told once in a while, and no more than so many different ones.
type once struct {
	mu    sync.Mutex
	since time.Time
	seen  map[string]bool
}

const (
	oncePer = 10 * time.Minute
	maxSeen = 64
)

// news is what a message is to the log.
type news int

const (
	known   news = iota // told lately
	fresh               // to be told
	tooMany             // fresh, but so were many: that they are left out is to be told
	silent              // left out
)

// look says what a message is, by its key, and takes note of it.
func (o *once) look(key string, now time.Time) news {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.seen == nil || now.Sub(o.since) >= oncePer {
		o.since, o.seen = now, make(map[string]bool)
	}
	switch n := len(o.seen); {
	case o.seen[key]:
		return known
	case n > maxSeen:
		return silent
	case n == maxSeen:
		o.seen[""] = true
		return tooMany
	}
	o.seen[key] = true
	return fresh
}

// tell logs what somebody who need not be the peer has caused.
func (h *Hub) tell(level slog.Level, key, text string, args ...any) {
	switch h.told.look(key, time.Now()) {
	case fresh:
		h.opt.Log.Log(context.Background(), level, text, args...)
	case tooMany:
		h.opt.Log.Warn("so many different things are wrong with those who connect that the rest is left out for a while", "while", oncePer)
	}
}
