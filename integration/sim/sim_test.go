package sim

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "the seed that TestSeed runs")
	seedsFlag = flag.Int("seeds", 200, "how many seeds TestSeeds runs")
	firstFlag = flag.Uint64("first", 1, "the first of them")
	sameFlag  = flag.Int("same", 10, "how many seeds TestSame runs twice")
	calmFlag  = flag.Bool("calm", false, "without faults")
)

func planFor(seed uint64) Plan {
	s := Draw(seed)
	if *calmFlag {
		s = Calm()
	}
	return Plan{Seed: seed, Swarm: s, Dir: indexDir()}
}

// indexDir is where index files are: in memory, if this host can.
func indexDir() string {
	if f, err := os.CreateTemp("/dev/shm", "sim"); err == nil {
		f.Close()
		os.Remove(f.Name())
		return "/dev/shm"
	}
	return ""
}

func report(t *testing.T, w *World) {
	t.Helper()
	if len(w.Faults()) == 0 {
		return
	}
	text := fmt.Sprintf("seed %d: %s\n%s\nreplay: go test ./integration/sim -run 'TestSeed$' -seed %d -v",
		w.Seed, w.Swarm, strings.Join(w.Faults(), "\n"), w.Seed)
	fmt.Fprintln(os.Stderr, text) // now, not when all others have ended
	t.Error(text)
}

// TestSeed tells the story of one seed.
func TestSeed(t *testing.T) {
	if *seedFlag == 0 {
		t.Skip("give -seed")
	}
	w := Run(t, planFor(*seedFlag))
	var b bytes.Buffer
	w.Trace.WriteTo(&b)
	fmt.Println(w.Swarm)
	os.Stdout.Write(b.Bytes())
	fmt.Printf("%d lines, sum %x\n", w.Trace.Len(), w.Trace.Sum())
	report(t, w)
}

// TestSeeds runs many seeds, as many as there is time for.
func TestSeeds(t *testing.T) {
	deadline, limited := t.Deadline()
	var next atomic.Uint64
	var total totals
	t.Cleanup(func() { t.Log(total.String()) })
	for i := range min(2, runtime.GOMAXPROCS(0)) {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			for {
				n := next.Add(1) - 1
				if n >= uint64(*seedsFlag) || limited && time.Until(deadline) < 10*time.Second {
					return
				}
				w := Run(t, planFor(*firstFlag+n))
				total.add(w)
				report(t, w)
			}
		})
	}
}

// TestSame runs seeds twice: the same seed is the same story, to the last line.
func TestSame(t *testing.T) {
	for seed := *firstFlag; seed < *firstFlag+uint64(*sameFlag); seed++ {
		p := planFor(seed)
		a, b := Run(t, p), Run(t, p)
		if a.Trace.Sum() == b.Trace.Sum() {
			continue
		}
		x, y := a.Trace.Deeds(), b.Trace.Deeds()
		for i := range min(len(x), len(y)) {
			if x, y := x[i], y[i]; x != y {
				t.Errorf("seed %d: line %d is one time\n%s\nand another\n%s", seed, i, x, y)
				break
			}
		}
	}
}
