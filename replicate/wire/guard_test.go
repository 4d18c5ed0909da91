package wire

import (
	"slices"
	"strings"
	"testing"

	"duet/store/index"
)

// What the peer says of its max_delete is bounded, and checked, like all else.
func TestGuardIsBounded(t *testing.T) {
	long := Guard{Bounds: slices.Repeat([]Bound{{Limit: "1"}}, MaxBounds+1)}
	for name, g := range map[string]*Guard{
		"many bounds":        &long,
		"many leaves":        {Leaves: slices.Repeat([]Leave{{Upto: 1}}, MaxLeaves+1)},
		"a long limit":       {Bounds: []Bound{{Limit: strings.Repeat("9", 33)}}},
		"a limit that acts":  {Bounds: []Bound{{Limit: "\x1b[2J"}}},
		"a path outside":     {Bounds: []Bound{{Dir: "../x", Limit: "1"}}},
		"a leave outside":    {Leaves: []Leave{{Under: "/etc", Upto: 1}}},
		"less than nothing":  {Bounds: []Bound{{Limit: "1", Lately: -1}}},
		"more than there is": {Bounds: []Bound{{Limit: "1", Lately: 1 << 60}}},
		"a negative window":  {Window: -1},
	} {
		for _, m := range []Msg{&Ack{Heard: 1, Guard: g}, &Hello{Protocol: 1, Oldest: 1, Share: "s", NodeName: "n", Epoch: 1, Guard: g}} {
			if _, err := Append(nil, m); err == nil {
				t.Errorf("%s: a %T was sent", name, m)
			}
		}
	}
	// Counted before they are decoded, too.
	b, err := index.Encode(long.proto())
	if err != nil {
		t.Fatal(err)
	}
	ack := append([]byte{0x22, byte(len(b)), 0x01}, b...)
	if len(b) >= 128 {
		ack = append([]byte{0x22, byte(len(b)&0x7f | 0x80), byte(len(b) >> 7)}, b...)
	}
	if _, err := Decode(append([]byte{3}, ack...)); err == nil || !strings.Contains(err.Error(), "occurs more than") {
		t.Errorf("heard: %v", err)
	}
}
