package replicate_test

import (
	"sync/atomic"
	"testing"
	"time"

	"duet/replicate"
	"duet/replicate/wire"
)

// A hello that has waited for a minute, because a was scanning, says nothing
// against the peer's clock.
func TestWaitingIsNoSkew(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ahead       time.Duration // the peer's clock
		least, most time.Duration // what is said of it
	}{
		// A hello may be said before the connection has come through to the share.
		"as ours": {0, -20 * time.Second, 0},
		"ahead":   {time.Hour, 58 * time.Minute, time.Hour},
		"behind":  {-time.Hour, -time.Hour - 20*time.Second, -58 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			var waited atomic.Int64
			p := newPair(t, func(c *replicate.Config) {
				if c.NodeName == "a" {
					c.Doors.Clock = func() time.Time { return time.Now().Add(time.Duration(waited.Load())) }
				}
			})
			release, _ := scansHalf(t, p)
			p.a.start()
			apart := p.a.share.Status().Since
			go func() {
				for p.a.share.Status().Since.Equal(apart) {
					time.Sleep(time.Millisecond)
				}
				waited.Store(int64(time.Minute))
				release()
			}()
			p.puppetAgain(func(m *wire.Hello) { m.Clock = time.Now().Add(c.ahead).UnixNano() })
			st := p.a.until("meeting", connected)
			if got := time.Duration(st.ClockSkewMS) * time.Millisecond; got < c.least || got > c.most {
				t.Errorf("the peer's clock is said to be %v ahead, want %v to %v", got, c.least, c.most)
			}
		})
	}
}
