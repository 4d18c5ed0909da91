package sim

import (
	"math"
	"math/rand/v2"
	"time"
)

// Two hosts rarely have the same time. Here their clocks are off by seconds up
// to days, and step while all is running: a time service corrects them, or a
// virtual machine wakes up again. Files get their times from them, and so does
// whatever Duet writes down or tells; what has to wait goes by a clock that
// does not step. So only the winner of a true conflict may depend on them.

// now is the time by this host's clock.
func (n *node) now() time.Time {
	return time.Unix(0, time.Now().UnixNano()+n.skew.Load())
}

// clocks sets the hosts' clocks, and lets them step.
func (w *World) clocks() {
	s := &w.Swarm
	if s.Skew == 0 {
		return
	}
	for i, n := range []*node{w.a, w.b} {
		by := off(rand.New(rand.NewPCG(w.Seed, uint64(50+i))), time.Second, s.Skew)
		w.befall(Act{Who: n.name, Do: doClock, N: int64(by)})
		w.nowAndThen(uint64(40+i), s.Step, func(r *rand.Rand) {
			w.befall(Act{Who: n.name, Do: doClock, N: int64(off(r, time.Millisecond, s.Skew))})
		})
	}
}

// off draws a time from lo to hi, forwards or backwards, small ones as likely as
// large ones in proportion.
func off(r *rand.Rand, lo, hi time.Duration) time.Duration {
	d := time.Duration(float64(lo) * math.Pow(float64(hi)/float64(lo), r.Float64()))
	if r.IntN(2) == 0 {
		return -d
	}
	return d
}
