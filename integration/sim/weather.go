package sim

import (
	"errors"
	"math/rand/v2"
	"time"

	"duet/replicate/link"
	"duet/replicate/link/memnet"
)

// network connects the two nodes whenever both are up, as two daemons do that
// dial again and again.
func (w *World) network() {
	for {
		a, b := w.a.alive(), w.b.alive()
		if a == nil || b == nil || w.isApart() {
			if !w.sleep(50 * time.Millisecond) {
				return
			}
			continue
		}
		line := memnet.Dial(w.wire(a), w.wire(b))
		line.Lag = time.Duration(float64(time.Millisecond) * w.Swarm.Far)
		w.mu.Lock()
		w.line = line
		w.mu.Unlock()
		a.connected(line.A)
		b.connected(line.B)
		w.Trace.say("net", "connected")
		if deliver(a, line.A) && deliver(b, line.B) {
			select {
			case <-line.A.Done():
			case <-a.died:
			case <-b.died:
			case <-w.over:
			}
		}
		w.hangup(a, b, line)
		if !w.sleep(w.chances.draw("redial", "").between(0, 5*time.Millisecond, time.Second)) {
			return
		}
	}
}

// hangup ends a connection whose end has died: a killed daemon's kernel says
// so to the peer; after a power failure the peer finds out by itself.
func (w *World) hangup(a, b *life, line *memnet.Line) {
	for _, l := range []*life{a, b} {
		select {
		case <-l.died:
			if l.how == "power" && !w.calm.Load() && w.chances.draw("silence", l.n.name).hits(0, 0.3) {
				line.Cut(true, true)
				select {
				case <-line.A.Done():
				case <-w.over:
				}
			}
		default:
		}
	}
	time.Sleep(2 * line.Lag) // what the ends have to say of it comes first
	line.Break(errors.New("the connection was reset"))
	w.Trace.say("net", "disconnected")
}

func deliver(l *life, c link.Conn) bool {
	select {
	case l.conns <- c:
		return true
	case <-l.gone:
		return false
	case <-l.died:
		return false
	}
}

// wire is a node's door to the network.
func (w *World) wire(l *life) memnet.Door {
	s := &w.Swarm
	return func(op, what string) (bool, error) {
		x, err := l.pass(op, what, forWire, time.Duration(2e5*s.Far), time.Duration(5e6*s.Far))
		if err != nil {
			return false, err
		}
		cut := false
		if !w.calm.Load() {
			if x.hits(1, s.Stall) {
				w.counts.stalls.Add(1)
				w.Trace.fail(l.n.name, "stalled", what, nil)
				l.sleep(x.between(2, 100*time.Millisecond, 5*time.Second), forWire)
				if l.dead.Load() {
					return false, errCrashed
				}
			}
			if cut = x.hits(3, s.Torn); cut {
				w.counts.torn.Add(1)
				w.Trace.fail(l.n.name, "torn", what, nil)
			}
		}
		w.counts.said.Add(1)
		w.Trace.add(l.n.name, op, what, nil)
		return cut, nil
	}
}

func (w *World) isApart() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Before(w.apart) && !w.calm.Load()
}

// now and then calls what at random times until the faults end.
func (w *World) nowAndThen(stream uint64, mean time.Duration, what func(*rand.Rand)) {
	if mean == 0 {
		return
	}
	w.chaos.Go(func() {
		r := rand.New(rand.NewPCG(w.Seed, stream))
		for {
			d := time.Duration(r.ExpFloat64() * float64(mean))
			if time.Since(w.Trace.start)+d > w.Swarm.Length {
				return
			}
			time.Sleep(d)
			what(r)
		}
	})
}

// weather starts the faults that come by themselves.
func (w *World) weather() {
	s := &w.Swarm
	for i, n := range []*node{w.a, w.b} {
		w.nowAndThen(uint64(10+i), s.Crash, func(r *rand.Rand) {
			how := doKill
			if r.Float64() < s.Power {
				how = doPower
			}
			w.befall(Act{Who: n.name, Do: how})
		})
		w.nowAndThen(uint64(20+i), s.Stop, func(*rand.Rand) { w.befall(Act{Who: n.name, Do: doStop}) })
	}
	for i, n := range []*node{w.a, w.b} {
		w.nowAndThen(uint64(60+i), s.Rule, func(r *rand.Rand) {
			a := Act{Who: n.name, Do: doRule, Text: text(sides[r.IntN(len(sides))])}
			if r.IntN(4) == 0 {
				a.Do, a.Text = doUndo, ""
			}
			w.befall(a)
		})
	}
	w.nowAndThen(30, s.Cut, func(r *rand.Rand) {
		a := Act{Who: "net", Do: doCut, Text: "both"}
		quiet := r.Float64() < 0.5
		if r.Float64() < s.OneWay {
			a.Text, quiet = []text{"a", "b"}[r.IntN(2)], true
		}
		if quiet {
			a.To = "unnoticed"
		}
		a.N = int64(r.Float64() * float64(s.Apart))
		w.befall(a)
	})
}
