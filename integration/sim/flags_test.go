package sim

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "the seed that TestSeed runs")
	seedsFlag = flag.Int("seeds", 200, "how many seeds TestSeeds runs")
	firstFlag = flag.Uint64("first", 1, "the first of them")
	sameFlag  = flag.Int("same", 60, "how many seeds TestSame runs twice")

	withoutFlag = flag.String("without", "", "faults that do not happen, as Crash,Cut")
	setFlag     = flag.String("set", "", "fields of the swarm, as Conflict=older,Ops=10")
	crashesFlag = flag.String("crashes", "", "crashes at operations through doors, as a12k,b7p")
	skipFlag    = flag.String("skip", "", "what TestSeed leaves out of what was drawn: acts of users and weather, and faults, as 0-20,23,Late; or none")
	makeFlag    = flag.String("make", "", "what it then changes in the swarm, as Slow=1")
	forgetFlag  = flag.Bool("forget", false, "indexes are lost or put back in every run")
	calmFlag    = flag.Bool("calm", false, "without faults")

	doorsFlag = flag.Bool("doors", false, "TestSeed tells every operation through a door")
	turnsFlag = flag.Bool("turns", false, "and when goroutines of the nodes wake up, to find out why one seed has two stories")
	saveFlag  = flag.String("save", "", "TestSeed saves the shortest schedule that fails as testdata/NAME.json")
	storyFlag = flag.String("story", "", "with this line")
)

// planFor is the plan for a seed, as the flags have it.
func planFor(t *testing.T, seed uint64) Plan {
	s := Draw(seed)
	if *calmFlag {
		s = Calm()
	}
	if *forgetFlag {
		s.Forget, s.Stop = 0.5, max(s.Stop, s.Length/3)
	}
	p := Plan{Seed: seed, Swarm: s, Dir: indexDir()}
	if *withoutFlag != "" {
		for _, name := range strings.Split(*withoutFlag, ",") {
			p.Swarm = p.Swarm.Without(name)
		}
	}
	var err error
	if *setFlag != "" {
		err = p.Swarm.Parse(*setFlag)
	}
	if *crashesFlag != "" && err == nil {
		p.Crashes, err = ParseCrashes(*crashesFlag)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// flagsOf make planFor return this plan.
func flagsOf(p Plan) string {
	out := ""
	without, set := Differ(Draw(p.Seed), p.Swarm)
	if len(without) > 0 {
		out += " -without " + strings.Join(without, ",")
	}
	if len(set) > 0 {
		out += " -set " + strings.Join(set, ",")
	}
	if len(p.Crashes) > 0 {
		out += " -crashes " + joined(p.Crashes)
	}
	return out
}

// lessOf is what is left of a plan after -skip and -make.
func lessOf(t *testing.T, p Plan) Plan {
	acts, faults, err := parseSkip(*skipFlag)
	if err != nil {
		t.Fatal(err)
	}
	script := Run(t, p).Script().Without(acts)
	p.Script = &script
	for _, name := range faults {
		p.Swarm = p.Swarm.Without(name)
	}
	if *makeFlag != "" {
		if err := p.Swarm.Parse(*makeFlag); err != nil {
			t.Fatal(err)
		}
	}
	return p
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

// tellFaults says what is wrong with a run, in how little of it that is still
// so, and how to see that again.
func tellFaults(t *testing.T, p Plan, w *World) {
	t.Helper()
	if len(w.Faults()) == 0 {
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d of commit %s is wrong:\n%s\nswarm: %v\n", p.Seed, commit(), strings.Join(w.Faults(), "\n"), p.Swarm)
	flags := flagsOf(p)
	if s := shortest(t, p, w); s == nil {
		w.Trace.WriteTo(&b)
	} else {
		flags += s.Flags()
		fmt.Fprintf(&b, "with %d of %d acts (%d runs):\n%s\nswarm: %v\n", s.Of-len(s.Skip), s.Of, s.Runs,
			strings.Join(s.World.Faults(), "\n"), s.Plan.Swarm)
		s.World.Trace.WriteTo(&b)
	}
	fmt.Fprintf(&b, "replay: go test ./integration/sim -run 'TestSeed$' -seed %d%s -v", p.Seed, flags)
	fmt.Fprintln(os.Stderr, b.String()) // now, not when all others have ended
	t.Error(b.String())
}

// shortest shrinks a run that failed; nil if it cannot be shrunk.
func shortest(t *testing.T, p Plan, w *World) *Shrunk {
	if p.Script != nil || p.Schedule != nil {
		return nil
	}
	return Shrink(t, p, w)
}
