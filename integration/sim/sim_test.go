package sim

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestSeed tells the story of one seed.
func TestSeed(t *testing.T) {
	if *seedFlag == 0 {
		t.Skip("give -seed")
	}
	p := planFor(t, *seedFlag)
	if *skipFlag != "" {
		p = lessOf(t, p)
	}
	p.Turns, p.Verbose = *turnsFlag, true
	w := Run(t, p)
	fmt.Printf("seed %d of commit %s: %v\n", p.Seed, commit(), p.Swarm)
	if *doorsFlag || *turnsFlag {
		w.Trace.WriteAll(os.Stdout)
	} else {
		w.Trace.WriteTo(os.Stdout)
	}
	fmt.Printf("%d lines, sum %x\n", w.Trace.Len(), w.Trace.Sum())
	if p.Script == nil {
		tellFaults(t, p, w)
	} else if len(w.Faults()) > 0 {
		t.Error(strings.Join(w.Faults(), "\n"))
	}
	if *saveFlag != "" {
		save(t, *saveFlag, p, w)
	}
}

// TestSeeds runs many seeds, as many as there is time for.
func TestSeeds(t *testing.T) {
	total := totals{began: time.Now()}
	stop, told := make(chan struct{}), make(chan struct{})
	next := eachSeed(t, *seedsFlag, func(t *testing.T, seed uint64) {
		p := planFor(t, seed)
		w := Run(t, p)
		total.add(w)
		tellFaults(t, p, w)
	})
	go func() {
		defer close(told)
		total.tell(stop, next)
	}()
	t.Cleanup(func() {
		close(stop)
		<-told
		t.Log(total.String())
	})
}

// eachSeed runs one seed after another, two at a time if there are two
// processors. next says which comes next.
func eachSeed(t *testing.T, seeds int, run func(t *testing.T, seed uint64)) (next func() uint64) {
	deadline, limited := t.Deadline()
	var begun atomic.Uint64
	for i := range min(2, runtime.GOMAXPROCS(0)) {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			for {
				n := begun.Add(1) - 1
				if n >= uint64(seeds) || limited && time.Until(deadline) < 10*time.Second {
					return
				}
				run(t, *firstFlag+n)
			}
		})
	}
	return func() uint64 { return *firstFlag + begun.Load() }
}

// TestScript plays what was taken down in a run again: it is the same story.
func TestScript(t *testing.T) {
	eachSeed(t, *sameFlag/2, func(t *testing.T, seed uint64) {
		p := planFor(t, seed)
		a := Run(t, p)
		script := a.Script()
		p.Script = &script
		sameStory(t, seed, a, Run(t, p))
	})
}

// TestSame runs seeds twice: the same seed is the same story, to the last line,
// on however many processors.
func TestSame(t *testing.T) {
	eachSeed(t, *sameFlag, func(t *testing.T, seed uint64) {
		p := planFor(t, seed)
		sameStory(t, seed, Run(t, p), Run(t, p))
	})
}

func sameStory(t *testing.T, seed uint64, a, b *World) {
	t.Helper()
	if a.Trace.Sum() == b.Trace.Sum() {
		return
	}
	x, y := a.Trace.Deeds(), b.Trace.Deeds()
	i := 0
	for i < min(len(x), len(y)) && x[i] == y[i] {
		i++
	}
	few := func(lines []string) string {
		return strings.Join(lines[max(i-10, 0):min(i+5, len(lines))], "\n")
	}
	t.Errorf("seed %d is one time\n%s\nand another\n%s", seed, few(x), few(y))
}

// FuzzSim lets go test -fuzz search: for seeds, for faults to leave out, and
// for the operations at which the nodes crash.
func FuzzSim(f *testing.F) {
	f.Add(uint64(1), uint32(0), uint16(0), uint16(0))
	f.Add(uint64(2), uint32(1<<31), uint16(40), uint16(90))
	f.Fuzz(func(t *testing.T, seed uint64, without uint32, a, b uint16) {
		p := Plan{Seed: seed, Swarm: Draw(seed), Dir: indexDir()}
		power := without>>31 == 1
		for _, c := range []Crash{{"a", int(a), power}, {"b", int(b), power}} {
			if c.At > 0 {
				p.Crashes = append(p.Crashes, c)
			}
		}
		for i, name := range Faults {
			if without>>i&1 == 1 {
				p.Swarm = p.Swarm.Without(name)
			}
		}
		tellFaults(t, p, Run(t, p))
	})
}
