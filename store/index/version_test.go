package index

import (
	"math/rand/v2"
	"reflect"
	"testing"
)

// randomVersion has few epochs and counters, so that all four orders occur.
func randomVersion(rnd *rand.Rand) Version {
	var v Version
	for epoch := range Epoch(4) {
		if seq := Seq(rnd.IntN(3)); seq != 0 {
			v = append(v, Counter{epoch + 1, seq})
		}
	}
	return v
}

func TestCompare(t *testing.T) {
	for _, test := range []struct {
		v, w Version
		want Order
	}{
		{nil, nil, Equal},
		{nil, Version{{1, 1}}, Before},
		{Version{{1, 1}}, Version{{1, 1}}, Equal},
		{Version{{1, 1}}, Version{{1, 2}}, Before},
		{Version{{1, 2}}, Version{{1, 1}, {2, 1}}, Concurrent},
		{Version{{1, 1}}, Version{{2, 1}}, Concurrent},
		{Version{{1, 1}, {2, 5}}, Version{{2, 5}}, After},
		{Version{{1, 1}, {3, 5}}, Version{{1, 1}, {2, 9}, {3, 5}}, Before},
	} {
		if got := test.v.Compare(test.w); got != test.want {
			t.Errorf("%v.Compare(%v) = %v, want %v", test.v, test.w, got, test.want)
		}
	}
}

// TestVersionLaws holds that versions are a lattice: what the proofs about
// version vectors assume.
func TestVersionLaws(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	mirror := map[Order]Order{Equal: Equal, Before: After, After: Before, Concurrent: Concurrent}
	seen := make(map[Order]int)
	atMost := func(v, w Version) bool { o := v.Compare(w); return o == Before || o == Equal }
	for range 5_000 {
		u, v, w := randomVersion(rnd), randomVersion(rnd), randomVersion(rnd)
		was := [2]Version{append(Version(nil), u...), append(Version(nil), v...)}
		order := u.Compare(v)
		seen[order]++
		j := u.Join(v)
		switch {
		case v.Compare(u) != mirror[order]:
			t.Fatalf("%v and %v: %v and %v", u, v, order, v.Compare(u))
		case (order == Equal) != equalVersions(u, v):
			t.Fatalf("%v and %v: %v", u, v, order)
		case !atMost(u, j) || !atMost(v, j):
			t.Fatalf("%v.Join(%v) = %v, which has not seen both", u, v, j)
		case atMost(u, w) && atMost(v, w) && !atMost(j, w):
			t.Fatalf("%v.Join(%v) = %v, and %v has seen both", u, v, j, w)
		case v.Join(u).Compare(j) != Equal || j.Join(u).Compare(j) != Equal:
			t.Fatalf("%v.Join(%v) depends on order or repetition", u, v)
		case atMost(u, v) && atMost(v, w) && !atMost(u, w):
			t.Fatalf("%v, %v, %v: not transitive", u, v, w)
		case j.check() != nil:
			t.Fatalf("%v.Join(%v) = %v: %v", u, v, j, j.check())
		case !equalVersions(u, was[0]) || !equalVersions(v, was[1]):
			t.Fatal("an argument was changed")
		}
	}
	if len(seen) != 4 {
		t.Errorf("orders met: %v", seen)
	}
}

func TestWith(t *testing.T) {
	v := Version{{1, 4}, {3, 7}}
	for _, test := range []struct {
		epoch Epoch
		seq   Seq
		want  Version
	}{
		{1, 9, Version{{1, 9}, {3, 7}}},
		{2, 9, Version{{1, 4}, {2, 9}, {3, 7}}},
		{9, 1, Version{{1, 4}, {3, 7}, {9, 1}}},
	} {
		got := v.With(test.epoch, test.seq)
		if !reflect.DeepEqual(got, test.want) || got.Compare(v) != After || got.At(test.epoch) != test.seq {
			t.Errorf("With(%v, %d) = %v, want %v", test.epoch, test.seq, got, test.want)
		}
	}
	if v.At(2) != 0 {
		t.Errorf("At of an epoch that is not there = %d", v.At(2))
	}
}

func TestVersionBound(t *testing.T) {
	var v Version
	for e := range Epoch(MaxCounters + 5) {
		v = v.With(e+1, 1)
	}
	if len(v) != MaxCounters || v[0].Epoch != 6 || v.check() != nil {
		t.Errorf("%d counters, the first is %v", len(v), v[0])
	}
}

// An own edit is in the version after it, even if a peer filled that with
// epochs that are greater than ours.
func TestWithKeepsItsCounter(t *testing.T) {
	var full Version
	for e := range Epoch(MaxCounters) {
		full = append(full, Counter{1000 + e, 1 << 63})
	}
	for _, epoch := range []Epoch{1, 1003, 2000} {
		got := full.With(epoch, 1<<63+7)
		if got.At(epoch) != 1<<63+7 || len(got) != MaxCounters || got.check() != nil {
			t.Errorf("With(%v) = %v", epoch, got)
		}
		if o := got.Compare(full); o == Equal || o == Before {
			t.Errorf("with an edit of epoch %v the version is %v the one without", epoch, o)
		}
	}
}
