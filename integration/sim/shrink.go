package sim

import (
	"reflect"
	"testing"
)

// Faults are the names of the kinds of fault in a Swarm.
var Faults = []string{"Crash", "Stop", "Commit", "Cut", "Torn", "Stall", "Disk", "Late", "Lose", "Most", "Tick", "Forget", "Step", "Skew", "Keep", "Copies", "Journal"}

// Without is the swarm without one kind of fault.
func (s Swarm) Without(name string) Swarm {
	if f := reflect.ValueOf(&s).Elem().FieldByName(name); f.IsValid() {
		f.SetZero()
	}
	return s
}

// Shrink leaves faults and edits out of a plan that fails, as long as it still
// does. It returns the smallest plan found, and what it left out.
func Shrink(t *testing.T, p Plan) (Plan, []string) {
	fails := func(q Plan) bool { return len(Run(t, q).Faults()) > 0 }
	var without []string
	for _, name := range Faults {
		q := p
		if q.Swarm = q.Swarm.Without(name); q.Swarm == p.Swarm || !fails(q) {
			continue
		}
		p, without = q, append(without, name)
	}
	for step := p.Swarm.Ops / 2; step > 0; step /= 2 {
		for q := p; q.Swarm.Ops > step; {
			q.Swarm.Ops -= step
			if !fails(q) {
				break
			}
			p = q
		}
	}
	return p, without
}
