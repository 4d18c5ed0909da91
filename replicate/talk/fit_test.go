package talk

import (
	"strings"
	"testing"

	"duet/replicate/wire"
)

// No epoch of a peer leaves it without a next one: whoever has its key after it
// has to be able to begin anew.
func TestEpochsThatNoClockMakes(t *testing.T) {
	hello := func() *wire.Hello {
		return &wire.Hello{Protocol: wire.Protocol, Oldest: wire.Oldest, Share: "s", NodeName: "b", Node: 2, Epoch: 7}
	}
	for name, c := range map[string]struct {
		change func(*wire.Hello)
		says   string
	}{
		"as it should be":     {func(h *wire.Hello) {}, ""},
		"the last that is":    {func(h *wire.Hello) { h.Epoch = lastEpoch }, ""},
		"its own":             {func(h *wire.Hello) { h.Epoch = lastEpoch + 1 }, "says that its index has epoch"},
		"that of our index":   {func(h *wire.Hello) { h.HeardEpoch = lastEpoch + 1 }, "remembers epoch"},
		"another node's name": {func(h *wire.Hello) { h.NodeName = "c" }, "calls itself"},
	} {
		theirs := hello()
		c.change(theirs)
		err := Fits(hello(), theirs, 2, "b")
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
