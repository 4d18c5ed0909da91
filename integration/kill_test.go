package integration

import (
	"math/rand/v2"
	"testing"
	"time"

	"duet/integration/rig"
)

// Either daemon, or both, killed again and again at random moments under
// continuous changes on both sides; after every few kills the changes pause,
// and by itself everything must come in sync with nothing lost.
func TestKillLoop(t *testing.T) {
	t.Parallel()
	p := rig.NewPair(t, rig.Options{Both: true, Share: anyDeletes})
	seed := rig.Seed(t)
	rnd := rand.New(rand.NewPCG(seed, 3))
	ledger := rig.NewLedger()
	a, b := rig.NewHand(t, p.A, ledger, seed), rig.NewHand(t, p.B, ledger, seed+1)
	p.Start()
	kills, rounds := 0, 0
	for want := rig.Size(8, 200); kills < want; rounds++ {
		stop := whileRunning(t, a, b, 8*time.Millisecond)
		for range 2 + rnd.IntN(4) {
			// The moment of the kill is the point of the test, so this waits
			// for a time and not for an event.
			time.Sleep(time.Duration(rnd.Int64N(int64(400 * time.Millisecond))))
			kills += killOne(p, rnd)
		}
		stop()
		p.Settle(scaled(patience))
		if rounds%8 == 0 {
			ledger.Check(t, p)
			p.CheckIndexes()
		}
		if t.Failed() {
			t.Fatalf("after %d kills", kills)
		}
	}
	ledger.Check(t, p)
	p.Stop()
	p.CheckIndexes()
	t.Logf("%d kills in %d rounds, %d operations, %d contents", kills, rounds, done(a, b), ledger.Written())
}

// killOne kills one daemon, or sometimes both, and starts what it killed. Now
// and then it kills it again before it has come up.
func killOne(p *rig.Pair, rnd *rand.Rand) int {
	victims := []*rig.Node{p.A, p.B}
	rnd.Shuffle(2, func(i, j int) { victims[i], victims[j] = victims[j], victims[i] })
	if rnd.IntN(5) > 0 {
		victims = victims[:1]
	}
	kills := 0
	for _, n := range victims {
		n.Kill()
		kills++
	}
	for _, n := range victims {
		if rnd.IntN(4) == 0 {
			n.Launch()
			time.Sleep(time.Duration(rnd.Int64N(int64(60 * time.Millisecond)))) // as above
			n.Kill()
			kills++
		}
		n.Launch()
	}
	return kills
}
