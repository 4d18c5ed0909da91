package index

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

func TestRulingRoundTrip(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 7))
	for range 200 {
		r := Ruling{ID: 3, Time: rnd.Int64(), What: pick(rnd, "", "took theirs\n"), Paths: rnd.Uint64()}
		raw, err := MarshalRuling(&r)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := UnmarshalRuling(3, raw); err != nil || got != r {
			t.Errorf("wrote %+v, read %+v, %v", r, got, err)
		}
		d := Ruled{Ruling: 3, Path: "a/b", After: Version{{1, Seq(rnd.Uint64N(9) + 1)}}, Gone: rnd.IntN(2) == 0}
		if rnd.IntN(2) == 0 {
			d.Before = knownEntry(rnd)
		}
		if rnd.IntN(2) == 0 {
			d.Theirs = knownEntry(rnd)
		}
		if raw, err = MarshalRuled(&d); err != nil {
			t.Fatal(err)
		}
		if got, err := UnmarshalRuled(3, "a/b", raw); err != nil || !reflect.DeepEqual(got, d) {
			t.Errorf("wrote %+v, read %+v, %v", d, got, err)
		}
		if _, err := UnmarshalRuled(3, "a/b", append(raw, 0)); err == nil {
			t.Error("bytes behind the value were read")
		}
	}
	if _, err := MarshalRuling(&Ruling{What: strings.Repeat("x", MaxNote+1)}); err == nil {
		t.Error("a long text was written")
	}
	for name, d := range map[string]Ruled{
		"no path":    {After: Version{{1, 1}}},
		"no version": {Path: "a"},
		"bad entry":  {Path: "a", After: Version{{1, 1}}, Before: &Entry{Kind: File, Version: Version{{1, 1}}}},
	} {
		if raw, err := MarshalRuled(&d); err == nil {
			t.Errorf("%s: was written as %x", name, raw)
		}
	}
}

func knownEntry(rnd *rand.Rand) *Entry {
	for {
		if e := randomEntry(rnd); checkKnown(e) == nil {
			return e
		}
	}
}
