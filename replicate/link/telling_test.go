package link

import (
	"testing"
	"time"
)

func TestTelling(t *testing.T) {
	var told telling
	lose := func(reason string, lasted bool) (connected, lost bool) {
		return told.connected(time.Hour), told.lost(reason, lasted)
	}
	for i, c := range []struct {
		reason                  string
		lasted, connected, lost bool
	}{
		{"a", false, true, true},
		{"a", false, true, true},
		{"a", false, true, false},
		{"a", false, false, false},
		{"b", false, false, true}, // that is news
		{"b", false, false, false},
		{"b", true, false, true}, // it had been told when it had lasted
		{"b", false, true, true},
	} {
		if connected, lost := lose(c.reason, c.lasted); connected != c.connected || lost != c.lost {
			t.Errorf("connection %d: connected is told: %v, lost is told: %v", i, connected, lost)
		}
	}
	if !told.failed("x") || !told.failed("y") || told.failed("x") || told.failed("y") {
		t.Error("each reason is told once")
	}
	told.connected(time.Hour)
	if !told.failed("x") {
		t.Error("after a connection it is news again")
	}
}

func FuzzRefusal(f *testing.F) {
	f.Add(noShare.marshal(""))
	f.Add(stopping.marshal("why\x1b[2J"))
	f.Fuzz(func(t *testing.T, b []byte) {
		e := &peerError{"tgt-b", "images", parseRefusal(b)}
		if got := e.Error(); got != printable(got) && len(got) < 300 {
			t.Errorf("%q steers a terminal", got)
		}
	})
}
