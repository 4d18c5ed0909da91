package link_test

import (
	"strings"
	"testing"
	"time"

	"duet/replicate/link"
)

// A node that stops is not connected once more in the moment before its process
// ends, whoever dials.
func TestNoneAfterStops(t *testing.T) {
	t.Parallel()
	for _, who := range []string{"dials", "listens"} {
		t.Run("the one that "+who, func(t *testing.T) {
			a, b := pair(t, unchanged)
			x, y := a.Endpoint("images"), b.Endpoint("images")
			if who == "listens" {
				x, y = y, x
			}
			stops, stays := next(t, x), next(t, y)
			if err := stops.Leave(link.Stops, ""); err != nil {
				t.Fatal(err)
			}
			if err := ended(t, stays); link.ReasonOf(err) != link.Stops {
				t.Errorf("the peer heard: %v", err)
			}
			if who == "listens" {
				eventually(t, "the peer hears why", func() bool {
					s := y.State()
					return !s.Connected && strings.Contains(s.Error, "was stopped")
				})
			}
			select {
			case <-x.Conns():
				t.Error("connected again")
			case <-y.Conns():
				t.Error("the peer is connected again")
			case <-time.After(20 * 10 * time.Millisecond): // many attempts to dial
			}
		})
	}
}
