package sim

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Faults are the names of the kinds of fault in a Swarm, and of what is like
// one.
var Faults = []string{
	"Crash", "Stop", "Commit", "Cut", "Torn", "Stall", "Disk", "Late", "Lose", "Most", "Tick", "Forget", "Step", "Skew",
	"Keep", "Copies", "Journal", "Fsync", "Rule",
}

// acted are the kinds of fault that are acts in a script.
var acted = map[string][]string{
	"Crash": {doPower, doKill}, "Stop": {doStop}, "Cut": {doCut}, "Step": {doClock}, "Skew": {doClock},
	"Rule": {doRule, doUndo},
}

// plain are fields of a Swarm that are easier to follow as they are in Calm.
var plain = []string{"Conflict", "Deletes", "Leases", "Slow", "Far"}

// Bounds of a search for a short schedule. It is given up after either.
const (
	shrinkRuns = 200
	shrinkTime = 30 * time.Second
)

// Shrunk is the shortest schedule found that fails.
type Shrunk struct {
	Plan  Plan         // with a script
	World *World       // its run
	Skip  map[int]bool // which acts of the whole script it is without
	Of    int          // how many there were
	Runs  int
	whole Swarm
}

// Shrink leaves out kinds of fault and acts of a run that failed, as long as
// what is left still fails in the same way. Nil if not even the whole script
// does.
func Shrink(t *testing.T, p Plan, w *World) *Shrunk {
	s := &shrinking{t: t, until: time.Now().Add(shrinkTime), kind: kindOf(w.Faults()[0])}
	if end, ok := t.Deadline(); ok && s.until.After(end.Add(-5*time.Second)) {
		s.until = end.Add(-5 * time.Second)
	}
	whole := w.Script()
	p.Script, p.Schedule = &whole, nil
	s.best = Shrunk{Skip: map[int]bool{}, Of: len(whole.Acts), whole: p.Swarm}
	s.whole = whole
	if !s.try(p, s.best.Skip) {
		return nil
	}
	for _, name := range Faults {
		q := s.best.Plan
		q.Swarm = q.Swarm.Without(name)
		skip := copied(s.best.Skip)
		for i, a := range whole.Acts {
			if slices.Contains(acted[name], a.Do) && (name != "Step" || a.At > 0) {
				skip[i] = true
			}
		}
		if q.Swarm != s.best.Plan.Swarm || len(skip) > len(s.best.Skip) {
			s.try(q, skip)
		}
	}
	calm := Calm()
	for _, name := range plain {
		q := s.best.Plan
		if q.Swarm.Set(name, calm.get(name)) == nil && q.Swarm != s.best.Plan.Swarm {
			s.try(q, s.best.Skip)
		}
	}
	s.leaveOut()
	s.best.Runs = s.runs
	return &s.best
}

// shrinking is a search under way.
type shrinking struct {
	t     *testing.T
	whole Script
	kind  string // of failure
	best  Shrunk
	runs  int
	until time.Time
}

func (s *shrinking) over() bool { return s.runs >= shrinkRuns || time.Now().After(s.until) }

// try reports whether a plan fails in the same way without some acts; then it
// is the best so far.
func (s *shrinking) try(p Plan, skip map[int]bool) bool {
	if s.over() {
		return false
	}
	s.runs++
	script := s.whole.Without(skip)
	p.Script = &script
	w := Run(s.t, p)
	if !slices.ContainsFunc(w.Faults(), func(f string) bool { return kindOf(f) == s.kind }) {
		return false
	}
	s.best.Plan, s.best.World, s.best.Skip = p, w, skip
	return true
}

// leaveOut leaves out acts: many at once first, then fewer and fewer, the later
// ones first.
func (s *shrinking) leaveOut() {
	for size := max(s.best.Of/2, 1); ; size = max(size/2, 1) {
		again := false
		for end := s.best.Of; end > 0 && !s.over(); end -= size {
			skip := copied(s.best.Skip)
			for i := max(end-size, 0); i < end; i++ {
				skip[i] = true
			}
			s.whole.together(skip)
			if len(skip) > len(s.best.Skip) && s.try(s.best.Plan, skip) {
				again = true
			}
		}
		if s.over() || size == 1 && !again {
			return
		}
	}
}

// kindOf is what a complaint is of: its first words, without the node, the path
// and the numbers in it.
func kindOf(fault string) string {
	words := strings.Fields(fault)
	if len(words) > 1 && (words[0] == "a:" || words[0] == "b:") {
		words = words[1:]
	}
	for i, w := range words {
		if strings.ContainsAny(w, "0123456789") {
			return strings.Join(words[:i], " ")
		}
		if strings.HasSuffix(w, ":") {
			return strings.Join(words[:i+1], " ")
		}
	}
	return strings.Join(words, " ")
}

func copied(skip map[int]bool) map[int]bool {
	out := map[int]bool{}
	for i := range skip {
		out[i] = true
	}
	return out
}

// Differ tells two swarms apart: which kinds of fault only a has, and what else
// is so in b, as Parse reads it.
func Differ(a, b Swarm) (without, set []string) {
	a.each(func(name string, v reflect.Value) {
		is := b.get(name)
		switch {
		case is == fmt.Sprint(v):
		case slices.Contains(Faults, name) && b.Without(name) == b:
			without = append(without, name)
		default:
			set = append(set, name+"="+is)
		}
	})
	return without, set
}

// Flags make a TestSeed of the whole run this one.
func (s *Shrunk) Flags() string {
	without, set := Differ(s.whole, s.Plan.Swarm)
	out := " -skip " + strings.Join(append([]string{ranges(s.Skip)}, without...), ",")
	if len(set) > 0 {
		out += " -make " + strings.Join(set, ",")
	}
	return out
}

func joined(crashes []Crash) string {
	var parts []string
	for _, c := range crashes {
		parts = append(parts, c.String())
	}
	return strings.Join(parts, ",")
}

// ranges writes numbers as 1-4,7; "none" if there are none.
func ranges(set map[int]bool) string {
	var parts []string
	for i, n := 0, 0; n < len(set); i++ {
		if !set[i] {
			continue
		}
		from := i
		for set[i] {
			i, n = i+1, n+1
		}
		if from == i-1 {
			parts = append(parts, strconv.Itoa(from))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", from, i-1))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ",")
}

// parseSkip reads numbers of acts, as ranges writes them, and names of faults.
func parseSkip(text string) (acts map[int]bool, faults []string, err error) {
	acts = map[int]bool{}
	for _, part := range strings.Split(text, ",") {
		if part == "none" || slices.Contains(Faults, part) {
			faults = append(faults, part)
			continue
		}
		lo, hi, more := strings.Cut(part, "-")
		from, err := strconv.Atoi(lo)
		to := from
		if err == nil && more {
			to, err = strconv.Atoi(hi)
		}
		if err != nil || to < from || to > 1e6 {
			return nil, nil, fmt.Errorf("%q: want numbers and faults, as 1-4,7,Late", text)
		}
		for i := from; i <= to; i++ {
			acts[i] = true
		}
	}
	return acts, faults, nil
}
