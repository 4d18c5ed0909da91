package link

import (
	"errors"
	"fmt"
	"strings"
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
	said := 0
	for i := range 1000 {
		if _, lost := lose(fmt.Sprint("made up ", i), false); lost {
			said++
		}
	}
	if said > maxReasons+fewShort+1 {
		t.Errorf("%d losses are told, each with a reason of its own", said)
	}
}

func FuzzRefusal(f *testing.F) {
	f.Add(noShare.marshal(""))
	f.Add(Stops.marshal("why\x1b[2J"))
	f.Fuzz(func(t *testing.T, b []byte) {
		e := &peerError{"tgt-b", "images", parseRefusal(b)}
		if got := e.Error(); got != printable(got) && len(got) < 300 {
			t.Errorf("%q steers a terminal", got)
		}
	})
}

// Errors of the SSH library quote what the other side sent.
func TestErrorsAreTamed(t *testing.T) {
	o := &Options{PeerName: "tgt-b", Address: "tgt-b:7722"}
	sent := fmt.Errorf("ssh: disconnect: %w", errors.New("\x1b[2J\n"+strings.Repeat("long", 100_000)))
	for _, err := range []error{lostError(o, sent), explainHandshake(o, sent)} {
		if text := err.Error(); len(text) > 500 || strings.ContainsAny(text, "\x1b\n") {
			t.Errorf("%d bytes: %.100q", len(text), text)
		}
		if !errors.Is(err, sent) {
			t.Error("the cause is lost")
		}
	}
}
