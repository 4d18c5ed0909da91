package sim

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestKindOf(t *testing.T) {
	for fault, want := range map[string]string{
		`lost: "b26 zz"… (131 bytes), written on a at c/a`:                    "lost:",
		"came back: d is 644 3 \"a1\", which b had made gone (edit 7)":        "came back:",
		"not in sync after 10m0s: \na: {Name:s}":                              "not in sync after",
		"not silent: 3 messages":                                              "not silent:",
		"b: left in the stage: [\"out-1-2\"]":                                 "left in the stage:",
		"a: index: a record without a path":                                   "index:",
		"a: a kept version was removed after 3s: x":                           "a kept version was removed after",
		"not on stable storage: the content of a/b on b, which its index has": "not on stable storage:",
	} {
		if got := kindOf(fault); got != want {
			t.Errorf("%q is of kind %q, not %q", fault, got, want)
		}
	}
}

// What is left out of a schedule is left out whole: a file that stays open for
// ever is a failure of the schedule, not of Duet.
func TestTogether(t *testing.T) {
	s := Script{Acts: []Act{
		{Who: "a", Do: doOpen, N: 1}, {Who: "a", Do: doMore, N: 1}, {Who: "b", Do: doOpen, N: 1},
		{Who: "b", Do: doClose, N: 1}, {Who: "a", Do: doClose, N: 1},
	}}
	for _, c := range []struct{ skip, want []int }{
		{[]int{4}, nil},
		{[]int{1, 4}, []int{1}},
		{[]int{0}, []int{0, 1, 4}},
		{[]int{0, 3}, []int{0, 1, 4}},
		{[]int{2}, []int{2, 3}},
	} {
		skip := map[int]bool{}
		for _, i := range c.skip {
			skip[i] = true
		}
		s.together(skip)
		var got []int
		for i := range s.Acts {
			if skip[i] {
				got = append(got, i)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("without %v: %v are left out, want %v", c.skip, got, c.want)
		}
	}
}

// A schedule that goes wrong in two ways is made shorter for the first of them
// only: of two writers who never close, one would do for another failure.
func TestShrinkKeepsTheFailure(t *testing.T) {
	p := Plan{Seed: 1, Swarm: Calm(), Dir: indexDir()}
	p.Swarm.Ops, p.Swarm.Length = 8, 2*time.Second
	w := Run(t, p)
	if len(w.Faults()) > 0 {
		t.Fatal(w.Faults())
	}
	w.faults = []string{"lost: something, as this test has it"}
	if s := Shrink(t, p, w); s != nil {
		t.Errorf("a run without a fault was taken for a failure: %v", strings.Join(s.World.Faults(), "\n"))
	}
}
