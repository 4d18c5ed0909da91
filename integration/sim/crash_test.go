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
	strideFlag = flag.Int("stride", 13, "TestCrashPoints crashes at every n-th operation")
	pointFlag  = flag.String("point", "", "the one crash point that TestCrashPoints tries: schedule:a:b")
)

// TestCrashPoints runs fixed schedules again and again, each time with a crash
// at another operation of one node: a power failure at each even one, a kill at
// each odd one. With -stride 1 it is every single one.
func TestCrashPoints(t *testing.T) {
	if *pointFlag != "" {
		var a, b int
		name, at, _ := strings.Cut(*pointFlag, ":")
		fmt.Sscanf(at, "%d:%d", &a, &b)
		w := crashAt(t, name, a, b)
		w.Trace.WriteTo(os.Stdout)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(Schedules)) {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			whole := crashAt(t, name, 0, 0)
			var next atomic.Int64
			// What comes after the work is idling; crashes there tell nothing new.
			last := [2]int64{int64(whole.a.opsInSync), int64(whole.b.opsInSync)}
			for i := range 2 {
				t.Run(fmt.Sprint(i), func(t *testing.T) {
					t.Parallel()
					for {
						at := 1 + (next.Add(1)-1)*int64(*strideFlag)
						if at > max(last[0], last[1]) {
							return
						}
						for node := range 2 {
							if at > last[node] {
								continue
							}
							var points [2]int
							points[node] = int(at)
							crashAt(t, name, points[0], points[1])
						}
					}
				})
			}
		})
	}
}

func crashAt(t *testing.T, name string, a, b int) *World {
	t.Helper()
	p := CrashPlan(name, a, b)
	p.Dir = indexDir()
	w := Run(t, p)
	if len(w.Faults()) > 0 {
		t.Errorf("%s, crash at %d and %d: %s\nreplay: go test ./integration/sim -run TestCrashPoints -point '%s:%d:%d'",
			name, a, b, strings.Join(w.Faults(), "\n"), name, a, b)
	}
	return w
}
