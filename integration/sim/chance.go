package sim

import (
	"hash/fnv"
	"math"
	"strconv"
	"sync"
	"time"
)

// chances give every operation through a door its latency and its luck. They
// are a hash of what the operation is: seed, node, operation, path, and the
// how-many-eth of its kind. So it does not matter which goroutine comes first,
// and one seed is one run.
type chances struct {
	seed uint64
	node string

	mu   sync.Mutex
	seen map[string]uint64
}

func newChances(seed uint64, node string) *chances {
	return &chances{seed: seed, node: node, seen: map[string]uint64{}}
}

// draw returns the next number of an operation's own sequence.
func (c *chances) draw(op, path string) lot {
	key := op + "\x00" + path
	c.mu.Lock()
	n := c.seen[key]
	c.seen[key] = n + 1
	c.mu.Unlock()
	return c.at(key, n)
}

// at returns the n-th number of a sequence.
func (c *chances) at(key string, n uint64) lot {
	h := fnv.New64a()
	h.Write(strconv.AppendUint(nil, c.seed, 16))
	h.Write([]byte("\x00" + c.node + "\x00" + key + "\x00"))
	h.Write(strconv.AppendUint(nil, n, 16))
	return lot(mix(h.Sum64()))
}

// lot is one draw, good for several questions.
type lot uint64

// mix is splitmix64's finisher: FNV alone leaves its high bits poor.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// part returns a number from 0 to 1 for the what-th question.
func (l lot) part(what uint64) float64 {
	return float64(mix(uint64(l)+what*0x9e3779b97f4a7c15)>>11) / (1 << 53)
}

// below returns a number below n.
func (l lot) below(what uint64, n int) int { return int(l.part(what) * float64(n)) }

// hits reports whether something that has probability p happens.
func (l lot) hits(what uint64, p float64) bool { return l.part(what) < p }

// between returns a time from lo to hi, small ones as likely as large ones in
// proportion.
func (l lot) between(what uint64, lo, hi time.Duration) time.Duration {
	return time.Duration(float64(lo) * math.Pow(float64(hi)/float64(lo), l.part(what)))
}
