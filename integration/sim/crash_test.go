package sim

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

var (
	strideFlag = flag.Int("stride", 7, "TestCrashPoints crashes at every n-th operation, and 1 is every single one; else the long schedule has fewer")
	pairsFlag  = flag.Int("pairs", 23, "TestCrashPairs crashes both nodes at every n-th operation")
	pointFlag  = flag.String("point", "", "the one crash that TestCrashPoints tries: schedule:a:b:power")
)

// point is where the two nodes crash; 0: not.
type point struct {
	name  string
	a, b  int
	power bool
}

func (p point) String() string { return fmt.Sprintf("%s:%d:%d:%v", p.name, p.a, p.b, p.power) }

// pairable schedules have so few operations that all pairs can be tried.
var pairable = []string{"conflict", "delete", "edit", "first sync"}

// TestCrashPoints runs fixed schedules again and again, each time with a crash
// at another operation of one node: a power failure, and a kill.
func TestCrashPoints(t *testing.T) {
	if *pointFlag != "" {
		var p point
		name, at, _ := strings.Cut(*pointFlag, ":")
		fmt.Sscanf(strings.ReplaceAll(at, ":", " "), "%d %d %v", &p.a, &p.b, &p.power)
		p.name = name
		w := crashAt(t, p)
		w.Trace.WriteTo(os.Stdout)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(Schedules)) {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			whole := crashAt(t, point{name: name})
			stride := *strideFlag
			if whole.a.opsInSync > 1000 && stride > 1 {
				stride *= 11
			}
			var points []point
			for _, power := range []bool{false, true} {
				for at := 1; at <= whole.a.opsInSync; at += stride {
					points = append(points, point{name, at, 0, power})
				}
				for at := 1; at <= whole.b.opsInSync; at += stride {
					points = append(points, point{name, 0, at, power})
				}
			}
			try(t, points)
		})
	}
}

// TestCrashPairs crashes both nodes in the short schedules.
func TestCrashPairs(t *testing.T) {
	for _, name := range pairable {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			whole := crashAt(t, point{name: name})
			var points []point
			for a := 1; a <= whole.a.opsInSync; a += *pairsFlag {
				for b := 1; b <= whole.b.opsInSync; b += *pairsFlag {
					points = append(points, point{name, a, b, (a+b)%2 == 0})
				}
			}
			try(t, points)
		})
	}
}

func try(t *testing.T, points []point) {
	t.Logf("%d crash points", len(points))
	var next atomic.Int64
	for i := range 2 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			for n := next.Add(1) - 1; n < int64(len(points)); n = next.Add(1) - 1 {
				crashAt(t, points[n])
			}
		})
	}
}

func crashAt(t *testing.T, p point) *World {
	t.Helper()
	plan := CrashPlan(p.name, p.a, p.b, p.power)
	plan.Dir = indexDir()
	w := Run(t, plan)
	if len(w.Faults()) > 0 {
		text := fmt.Sprintf("crash at %v: %s\nreplay: go test ./integration/sim -run TestCrashPoints -point '%v'",
			p, strings.Join(w.Faults(), "\n"), p)
		fmt.Fprintln(os.Stderr, text)
		t.Error(text)
	}
	return w
}
