package sim

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	strideFlag = flag.Int("stride", 7, "TestCrashPoints crashes at every n-th operation, and 1 is every single one; else the long schedule has fewer")
	pairsFlag  = flag.Int("pairs", 23, "TestCrashPairs has a pair for every n-th operation of either crash")
	partsFlag  = flag.Int("parts", 1, "in how many parts TestCrashPoints and TestCrashPairs are cut, for as many processes")
	partFlag   = flag.Int("part", 0, "which of these to run")
	pointFlag  = flag.String("point", "", "the one run that TestCrashPoint makes: schedule:crash,crash, as edit:a12k,b7p")
)

// point is one run: a schedule and where the nodes crash.
type point struct {
	name    string
	crashes []Crash
}

func (p point) String() string {
	var parts []string
	for _, c := range p.crashes {
		parts = append(parts, c.String())
	}
	return p.name + ":" + strings.Join(parts, ",")
}

// pairable schedules have so few operations that all pairs can be tried.
var pairable = []string{"conflict", "delete", "edit", "first sync"}

// TestCrashPoint tells the story of one crash.
func TestCrashPoint(t *testing.T) {
	if *pointFlag == "" {
		t.Skip("give -point")
	}
	name, text, _ := strings.Cut(*pointFlag, ":")
	p := point{name: name}
	if text != "" {
		var err error
		if p.crashes, err = ParseCrashes(text); err != nil {
			t.Fatal(err)
		}
	}
	w := crashAt(t, p)
	w.Trace.WriteTo(os.Stdout)
}

// TestCrashPoints runs fixed schedules again and again, each time with a crash
// at another operation of one node: a power failure, and a kill.
func TestCrashPoints(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(Schedules)) {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			whole := crashAt(t, point{name: name})
			stride := *strideFlag
			if whole.a.opsInSync > 1000 && stride > 1 {
				stride *= 11
			}
			var points []point
			for _, power := range []bool{false, true} {
				for _, n := range []*node{whole.a, whole.b} {
					for at := 1; at <= n.opsInSync; at += stride {
						points = append(points, point{name, []Crash{{n.name, at, power}}})
					}
				}
			}
			try(t, part(points))
		})
	}
}

// TestCrashPairs crashes twice in the short schedules: either node at every
// operation, and after that either node at every operation of what then
// happens: what the second crash interrupts may be the recovery from the first.
func TestCrashPairs(t *testing.T) {
	for _, name := range pairable {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			whole := crashAt(t, point{name: name})
			var firsts []Crash
			for _, n := range []*node{whole.a, whole.b} {
				for at := 1; at <= n.opsInSync; at += *pairsFlag {
					firsts = append(firsts, Crash{Node: n.name, At: at})
				}
			}
			var points []point
			for _, first := range part(firsts) {
				points = append(points, seconds(t, name, first)...)
			}
			try(t, points)
		})
	}
}

// seconds are the runs that have a second crash after a first one.
func seconds(t *testing.T, name string, first Crash) (out []point) {
	kill, power := first, first
	power.Power = true
	after := map[bool]*World{false: crashAt(t, point{name, []Crash{kill}}), true: crashAt(t, point{name, []Crash{power}})}
	for _, second := range []string{"a", "b"} {
		from := after[false].node(second).opsAtCrash + 1
		to := max(after[false].node(second).opsInSync, after[true].node(second).opsInSync)
		for at := from; at <= to; at += *pairsFlag {
			c, d := kinds(first, Crash{Node: second, At: at})
			if at <= after[c.Power].node(second).opsInSync {
				out = append(out, point{name, []Crash{c, d}})
			}
		}
	}
	return out
}

// part returns this process's part of a list.
func part[T any](all []T) (out []T) {
	for i, x := range all {
		if i%*partsFlag == *partFlag {
			out = append(out, x)
		}
	}
	return out
}

// kinds makes kills and power failures of two crashes, so that all four pairs
// of them are equally frequent, and what is a kill if node a crashes at its
// i-th operation and b at its j-th is a power failure if a crashes at the j-th
// and b at the i-th.
func kinds(c, d Crash) (Crash, Crash) {
	turned := c.At < d.At
	if c.Node == d.Node {
		turned = c.Node == "a"
	} else if c.Node == "b" {
		turned = !turned
	}
	sum := c.At + d.At
	c.Power = (sum%2 == 0) != turned
	d.Power = (sum/2%2 == 0) != turned
	return c, d
}

// try makes runs, one at a time and on one processor: a run hardly ever has two
// things to do in one instant, and going from one processor to another costs as
// much again. Who has more of them starts several processes, see -parts.
func try(t *testing.T, points []point) {
	for _, p := range points {
		w := crashAt(t, p)
		if n := w.a.crashed + w.b.crashed; n != len(p.crashes) {
			t.Errorf("%v: only %d of these crashes came", p, n)
		}
	}
	t.Logf("%d runs", len(points))
}

func crashAt(t *testing.T, p point) *World {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	plan := CrashPlan(p.name, p.crashes...)
	plan.Dir = indexDir()
	plan.Silence = time.Minute
	w := Run(t, plan)
	if len(w.Faults()) > 0 {
		text := fmt.Sprintf("crash at %v: %s\nreplay: go test ./integration/sim -run TestCrashPoint$ -point '%v'",
			p, strings.Join(w.Faults(), "\n"), p)
		fmt.Fprintln(os.Stderr, text)
		t.Error(text)
	}
	return w
}
