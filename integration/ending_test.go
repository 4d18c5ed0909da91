package integration

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"duet/integration/rig"
)

// Each host says how the two came to be apart: a daemon that was stopped said so,
// one that was killed did not, and if both ran on it was the connection.
func TestHowTheyCameApart(t *testing.T) {
	t.Parallel()
	p := rig.NewPair(t, rig.Options{})
	wire := rig.NewWire(t, p.A.Listen)
	p.B.EditConfig(t, p.A.Listen, wire.Address())
	apart := func(connected bool, kind, why string) {
		t.Helper()
		for _, n := range p.Nodes() {
			if !n.Running() {
				continue
			}
			last := ""
			n.Await(patience, fmt.Sprintf("an outage that was %s: %s", kind, why), func(s rig.ShareStatus) bool {
				var o struct {
					Kind, Why string
					To        *time.Time // once that they met again is written down
				}
				if len(s.Outage) > 0 {
					must(t, json.Unmarshal(s.Outage, &o))
				}
				if now := fmt.Sprintf("%s: connected: %v, over: %v, %s: %s", n.Name, s.Connected, o.To != nil, o.Kind, o.Why); now != last {
					last = now
					t.Log(last)
				}
				return s.Connected == connected && (o.To != nil) == connected && o.Kind == kind && strings.Contains(o.Why, why)
			})
		}
	}
	p.Start()
	p.Settle(patience)

	p.B.Stop()
	apart(false, "stopped", "duet was stopped on b")
	p.B.Start()
	apart(true, "stopped", "duet was stopped on b")

	p.A.Stop()
	apart(false, "stopped", "duet was stopped on a")
	p.A.Start()
	apart(true, "stopped", "duet was stopped on a")

	p.B.Kill()
	apart(false, "crashed", "b closed the connection without a word")
	p.B.Start()
	apart(true, "crashed", "without stopping")

	p.Settle(patience)
	wire.Cut()
	apart(false, "crashed", "closed the connection without a word") // nobody can know better by then
	wire.Mend()
	apart(true, "cut", "went on running")
	p.Stop()
}
