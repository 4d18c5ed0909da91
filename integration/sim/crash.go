package sim

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Schedules are fixed stories, to be run again with a crash at each operation
// of each node.
var Schedules = map[string]Schedule{
	"first sync": func(w *World) {
		w.must(w.a.people.Mkdir("d"))
		w.must(w.a.people.Write("d/f", "from a"))
		w.must(w.b.people.Write("g", "from b"))
		w.must(w.a.people.Symlink("d/f", "l"))
	},
	"edit": func(w *World) {
		w.must(w.a.people.Write("f", "one"))
		w.pause()
		w.must(w.a.people.Write("f", "two"))
		w.pause()
		w.may(w.b.people.Append("f", " three"))
	},
	"delete": func(w *World) {
		w.must(w.a.people.Write("f", "one"))
		w.must(w.a.people.Write("g", "two"))
		w.pause()
		w.must(w.a.people.Remove("f"))
		w.may(w.b.people.Remove("g"))
	},
	"directory rename": func(w *World) {
		w.must(w.a.people.Mkdir("d"))
		for _, name := range []string{"d/x", "d/y", "d/z"} {
			w.must(w.a.people.Write(name, "content of "+name))
		}
		w.pause()
		w.must(w.a.people.Rename("d", "e"))
	},
	"conflict": func(w *World) {
		w.must(w.a.people.Write("f", "old"))
		w.pause()
		w.must(w.a.people.Write("f", "by a"))
		w.may(w.b.people.Write("f", "by b"))
	},
	"type swap": func(w *World) {
		w.must(w.a.people.Write("f", "file"))
		w.must(w.a.people.Mkdir("d"))
		w.must(w.a.people.Write("d/x", "in d"))
		w.pause()
		w.must(w.a.people.Remove("f"))
		w.must(w.a.people.Mkdir("f"))
		w.must(w.a.people.Write("f/y", "in f"))
		w.must(w.a.people.Remove("d"))
		w.must(w.a.people.Symlink("f", "d"))
	},
	"batch of 50": func(w *World) {
		for i := range 25 {
			w.must(w.a.people.Write(fmt.Sprintf("f%02d", i), fmt.Sprintf("content %d", i)))
		}
		w.pause()
		for i := range 50 { // half of it takes the place of something
			w.must(w.a.people.Write(fmt.Sprintf("f%02d", i), fmt.Sprintf("new content %d", i)))
		}
	},
}

// pause lets the nodes agree, if they can.
func (w *World) pause() { time.Sleep(500 * time.Millisecond) }

// must is for what people can always do, unless a power failure took what they
// had made before.
func (w *World) must(err error) {
	if err != nil && w.counts.power.Load() == 0 {
		w.fault("the schedule: %v", err)
	}
}

// may is for what depends on how far the nodes have come.
func (w *World) may(error) {}

// Crash is one crash of a node, in the instant before its n-th operation
// through a door is done.
type Crash struct {
	Node  string // "a" or "b"
	At    int    // counted over all lives of the node, from 1; 0: never
	Power bool   // a power failure, not a kill
}

func (c Crash) how() string {
	if c.Power {
		return "power"
	}
	return "kill"
}

// String is the form that ParseCrashes reads: a12k is node a killed at its 12th
// operation, b7p a power failure of b at its 7th.
func (c Crash) String() string { return fmt.Sprintf("%s%d%s", c.Node, c.At, c.how()[:1]) }

// ParseCrashes reads crashes, separated by commas.
func ParseCrashes(text string) (out []Crash, err error) {
	for _, part := range strings.Split(text, ",") {
		var c Crash
		var at, how string
		if n := len(part); n > 2 {
			c.Node, at, how = part[:1], part[1:n-1], part[n-1:]
		}
		c.At, err = strconv.Atoi(at)
		c.Power = how == "p"
		if err != nil || c.String() != part {
			return nil, fmt.Errorf("crash %q: want as a12k or b7p", part)
		}
		out = append(out, c)
	}
	return out, nil
}

// markCrash notes how far both nodes have come when the first of them crashes.
func (w *World) markCrash() {
	for _, n := range []*node{w.a, w.b} {
		n.mu.Lock()
		n.opsAtCrash = n.ops
		n.mu.Unlock()
	}
}

// CrashPlan is a schedule with crashes.
func CrashPlan(name string, crashes ...Crash) Plan {
	s := Calm()
	s.Length, s.Apart = time.Millisecond, 10*time.Millisecond
	return Plan{Seed: 1, Swarm: s, Schedule: Schedules[name], Crashes: crashes}
}
