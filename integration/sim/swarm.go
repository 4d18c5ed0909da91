package sim

import (
	"math"
	"math/rand/v2"
	"time"
)

// Swarm is what a run is like: which faults exist and how often, drawn before
// anything else. A run in which everything fails all the time tests little;
// one that has only cuts, or only a full disk, goes deep.
type Swarm struct {
	Conflict, Deletes string
	Rescan            time.Duration
	Ops               int           // of the users on each tree
	Pace              time.Duration // mean time between them
	Length            time.Duration // of the time with users and faults
	Tick              time.Duration // how coarsely the kernels stamp files
	Leases            bool
	Slow              float64 // how much slower the disks are
	Far               float64 // how much farther away the peer is

	Crash   time.Duration // mean time between crashes of each node; 0: none
	Power   float64       // how many of them are power failures
	Stop    time.Duration // mean time between orderly stops
	Forget  float64       // probability that a node starts without its index, or with an old one
	Commit  float64       // probability that a commit of the index is the last thing a node does
	Cut     time.Duration // mean time between cuts of the connection
	OneWay  float64       // how many of them are one-way
	Torn    float64       // probability that a message is the last of its connection, and half
	Stall   float64       // probability that a message takes seconds
	Apart   time.Duration // mean length of times apart
	Disk    float64       // probability that a file operation fails
	Full    bool          // failures are of a full disk, not of a broken one
	Late    time.Duration // longest delay of file events
	Lose    float64       // probability that a file event is lost
	Skew    time.Duration // how far the hosts' clocks may be off; 0: not
	Step    time.Duration // mean time between steps of a clock; 0: none
	Keep    time.Duration // how long displaced versions are kept; 0: for ever
	Copies  int           // and how many of a path; 0: any number
	Journal time.Duration // how long events are kept; 0: for ever
	House   time.Duration // how often what is too old is looked for

	Rule time.Duration // mean time between rulings of a person on each node; 0: none

	Soon  int // behind so many changes a save is told ahead of its turn; 0: behind more than users make, negative: behind none
	Delta int // of how many bytes contents are made from what is like them; 0: of more than users write

	Most  int     // file events that may wait before the queue overflows; 0: any number
	Fsync float64 // how many of the files that users save are synced before they are renamed
}

// Calm is a run without faults.
func Calm() Swarm {
	return Swarm{
		Conflict: "newer", Deletes: "track", Rescan: time.Hour, Ops: 20, Pace: 400 * time.Millisecond,
		Length: 10 * time.Second, Leases: true, Slow: 1, Far: 1,
	}
}

// Draw draws a Swarm.
func Draw(seed uint64) Swarm {
	r := rand.New(rand.NewPCG(seed, 1))
	s := Calm()
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	some := func(p float64) bool { return r.Float64() < p }
	span := func(lo, hi time.Duration) time.Duration { return lo + time.Duration(r.Int64N(int64(hi-lo))) }
	if some(0.3) {
		s.Conflict = pick("older", "larger", "smaller", "a", "b")
	}
	if some(0.15) {
		s.Deletes = pick("running", "never")
	}
	s.Rescan = span(10*time.Second, time.Minute)
	s.Ops = 5 + r.IntN(30)
	s.Pace = time.Duration(float64(2*time.Millisecond) * float64(int(1)<<r.IntN(10)))
	s.Length = max(time.Duration(s.Ops)*s.Pace, 2*time.Second)
	if some(0.3) {
		s.Tick = 4 * time.Millisecond
	}
	s.Leases = !some(0.2)
	s.Slow = []float64{0.1, 1, 1, 5}[r.IntN(4)]
	s.Far = []float64{0.1, 1, 1, 10}[r.IntN(4)]
	every := func(p float64) time.Duration {
		if !some(p) {
			return 0
		}
		return span(s.Length/8+time.Millisecond, s.Length)
	}
	s.Crash, s.Power = every(0.4), r.Float64()
	s.Stop = every(0.2)
	s.Cut, s.OneWay = every(0.4), r.Float64()
	s.Apart = span(10*time.Millisecond, 10*time.Second)
	rare := func(p, most float64) float64 {
		if !some(p) {
			return 0
		}
		return r.Float64() * most
	}
	s.Commit = rare(0.25, 0.02)
	s.Torn = rare(0.25, 0.03)
	s.Stall = rare(0.2, 0.02)
	s.Disk, s.Full = rare(0.3, 0.03), some(0.3)
	if some(0.4) {
		s.Late = span(time.Millisecond, 3*time.Second)
	}
	s.Lose = rare(0.2, 0.2)
	if some(0.15) {
		s.Most = 1 + r.IntN(6)
	}
	s.Forget = rare(0.1, 0.5)
	s.drawRest(r)
	s.drawDelta(rand.New(rand.NewPCG(seed, 100)))
	s.drawSoon(rand.New(rand.NewPCG(seed, 101)))
	return s
}

// drawDelta draws from how many bytes on a file counts as large. It is drawn for
// itself, so that all else of a seed stays as it was.
func (s *Swarm) drawDelta(r *rand.Rand) {
	if r.Float64() < 0.2 {
		s.Delta = 4096 << r.IntN(4)
	}
}

// drawSoon draws behind how many changes a save is told ahead of its turn. It is
// drawn for itself, too.
func (s *Swarm) drawSoon(r *rand.Rand) {
	if r.Float64() < 0.5 {
		s.Soon = []int{-1, -1, 1, 3}[r.IntN(4)]
	}
}

// drawRest draws what is not a fault: limits of what is kept, clocks, habits.
func (s *Swarm) drawRest(r *rand.Rand) {
	some := func(p float64) bool { return r.Float64() < p }
	span := func(lo, hi time.Duration) time.Duration { return lo + time.Duration(r.Int64N(int64(hi-lo))) }
	if some(0.15) {
		s.Keep = span(time.Second, 30*time.Second)
	}
	if some(0.1) {
		s.Copies = 1 + r.IntN(3)
	}
	if some(0.1) {
		s.Journal = span(time.Second, 30*time.Second)
	}
	s.House = span(time.Second, 10*time.Second)
	if some(0.3) {
		s.Skew = time.Duration(float64(time.Second) * math.Pow(10*24*3600, r.Float64()))
		if some(0.5) {
			s.Step = span(s.Length/8+time.Millisecond, s.Length)
		}
	}
	if some(0.5) {
		s.Fsync = r.Float64()
	}
	if some(0.08) {
		s.Conflict = "hold"
	}
	if some(0.08) {
		s.Rule = span(s.Length/8+time.Millisecond, s.Length)
	}
}
