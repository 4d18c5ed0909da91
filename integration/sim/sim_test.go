package sim

import (
	"bufio"
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
	seedFlag    = flag.Uint64("seed", 0, "the seed that TestSeed runs")
	seedsFlag   = flag.Int("seeds", 200, "how many seeds TestSeeds runs")
	firstFlag   = flag.Uint64("first", 1, "the first of them")
	sameFlag    = flag.Int("same", 50, "how many seeds TestSame runs twice")
	withoutFlag = flag.String("without", "", "faults that do not happen, as Crash,Cut")
	forgetFlag  = flag.Bool("forget", false, "indexes are lost or put back in every run")
	opsFlag     = flag.Int("ops", 0, "how many edits each user makes; 0: as drawn")
	turnsFlag   = flag.Bool("turns", false, "TestSeed also tells when goroutines of the nodes wake up")
	calmFlag    = flag.Bool("calm", false, "without faults")
)

func planFor(seed uint64) Plan {
	s := Draw(seed)
	if *calmFlag {
		s = Calm()
	}
	if *withoutFlag != "" {
		for _, name := range strings.Split(*withoutFlag, ",") {
			s = s.Without(name)
		}
	}
	if *forgetFlag {
		s.Forget, s.Stop = 0.5, max(s.Stop, s.Length/3)
	}
	if *opsFlag > 0 {
		s.Ops = *opsFlag
	}
	return Plan{Seed: seed, Swarm: s, Dir: indexDir(), Turns: *turnsFlag}
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

func tellFaults(t *testing.T, w *World) {
	t.Helper()
	if len(w.Faults()) == 0 {
		return
	}
	text := fmt.Sprintf("seed %d: %s\n%s\nreplay: go test ./integration/sim -run 'TestSeed$' -seed %d%s -v",
		w.Seed, w.Swarm, strings.Join(w.Faults(), "\n"), w.Seed, shrunk(t, w))
	fmt.Fprintln(os.Stderr, text) // now, not when all others have ended
	t.Error(text)
}

// shrunk looks for less of the same that fails as well, and returns the flags.
func shrunk(t *testing.T, w *World) string {
	if w.Swarm.String() != Draw(w.Seed).String() {
		return ""
	}
	p, without := Shrink(t, Plan{Seed: w.Seed, Swarm: w.Swarm, Dir: indexDir()})
	out := fmt.Sprintf(" -ops %d", p.Swarm.Ops)
	if len(without) > 0 {
		out += " -without " + strings.Join(without, ",")
	}
	return out
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
	tellFaults(t, w)
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
				tellFaults(t, w)
			}
		})
	}
}

// TestSame runs seeds twice: the same seed is the same story, to the last line,
// on however many processors.
func TestSame(t *testing.T) {
	for seed := *firstFlag; seed < *firstFlag+uint64(*sameFlag); seed++ {
		p := planFor(seed)
		a, b := Run(t, p), Run(t, p)
		if a.Trace.Sum() == b.Trace.Sum() {
			continue
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
}

// TestRegressions runs the seeds that once found something.
func TestRegressions(t *testing.T) {
	f, err := os.Open("testdata/seeds.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var seed uint64
		if _, err := fmt.Sscan(lines.Text(), &seed); err == nil {
			tellFaults(t, Run(t, planFor(seed)))
		}
	}
}

// FuzzSim lets go test -fuzz search: for seeds, for faults to leave out, and
// for the operations at which the nodes crash.
func FuzzSim(f *testing.F) {
	f.Add(uint64(1), uint32(0), uint16(0), uint16(0))
	f.Add(uint64(2), uint32(1<<31), uint16(40), uint16(90))
	f.Fuzz(func(t *testing.T, seed uint64, without uint32, a, b uint16) {
		p := Plan{Seed: seed, Swarm: Draw(seed), Dir: indexDir()}
		power := without>>31 == 1
		p.Crashes = []Crash{{"a", int(a), power}, {"b", int(b), power}}
		for i, name := range Faults {
			if without>>i&1 == 1 {
				p.Swarm = p.Swarm.Without(name)
			}
		}
		if w := Run(t, p); len(w.Faults()) > 0 {
			t.Errorf("seed %d: %s\n%s", seed, p.Swarm, strings.Join(w.Faults(), "\n"))
		}
	})
}
