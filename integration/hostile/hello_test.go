package hostile

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"duet/replicate/report"
	"duet/replicate/wire"
	"duet/store/index"
)

// What a peer says of itself, and of what it remembers.
func TestHellos(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(h *wire.Hello)
		says   string // in the log; "": the session goes on
	}{
		{"another share", func(h *wire.Hello) { h.Share = "good" }, "peer speaks of share"},
		{"another node", func(h *wire.Hello) { h.Node++ }, "its key says"},
		{"another name", func(h *wire.Hello) { h.NodeName = "victim" }, "peer calls itself"},
		{"a name that steers a terminal", func(h *wire.Hello) { h.NodeName = "\x1b[2J" }, "not printable"},
		{"a newer protocol", func(h *wire.Hello) { h.Protocol, h.Oldest = 99, 98 }, "upgrade duet here"},
		{"protocol 0", func(h *wire.Hello) { h.Protocol = 0 }, "protocol versions"},
		{"another policy", func(h *wire.Hello) { h.Conflict = "older" }, "must have the same"},
		{"no epoch", func(h *wire.Hello) { h.Epoch = 0 }, "no epoch"},
		{"too many rules", func(h *wire.Hello) { h.Ignore = make([]string, 1001) }, "field 20 occurs"},
		{"rules that are none", func(h *wire.Hello) { h.Ignore = []string{"[[:"} }, "ignore rules of mallory"},
		{"a head of 2^64-1", func(h *wire.Hello) { h.Head = math.MaxUint64 }, ""},
		{"a clock at the end of time", func(h *wire.Hello) { h.Clock = math.MaxInt64; h.Records = math.MaxUint64 }, ""},
		{"the victim's own epoch", func(h *wire.Hello) { h.Epoch = h.HeardEpoch }, ""},
		{"an epoch of 2^64-1", func(h *wire.Hello) { h.Epoch = math.MaxUint64 }, "says that its index has epoch"},
		{"remembers positions to come", func(h *wire.Hello) { h.Heard = math.MaxUint64 }, "put back to an older state"},
		{"remembers another run", func(h *wire.Hello) { h.HeardRun++ }, "put back to an older state"},
		{"remembers the last of all epochs", func(h *wire.Hello) { h.HeardEpoch = math.MaxUint64 }, "remembers epoch"},
		{"remembers an epoch of tomorrow", func(h *wire.Hello) { h.HeardEpoch += 86400 << 32 }, "older than one that the peer has heard"},
	}
	v := newVictim(t, setup{})
	a := newAttacker(v)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a.in(t)
			was := v.own("plain")
			for !says(t, v, a, test.change, test.says) {
			}
			a.proves()
			still("plain", "d/one", "d/e/three")(t, v)
			is := v.own("plain")
			if o := was.Compare(is); len(is) != 1 || is[0].Epoch < was[0].Epoch {
				t.Errorf("version of plain is %v, was %v: %v", is, was, o)
			}
			v.untouched()
		})
	}
	a.in(t)
}

// says sends one hello and reports whether the victim then says what it must.
// It does not when it has mended its history for the peer too often of late:
// then the same hello comes once more.
func says(t *testing.T, v *victim, a *attacker, change func(*wire.Hello), what string) bool {
	t.Helper()
	const later = "the next try is in"
	logged := len(v.log(0))
	s := a.dial()
	defer s.close()
	h := s.hello()
	change(h)
	sendHello(t, s, h)
	said := func() bool { return len(grep(v.log(logged), `"peer":"mallory"`, what)) > 0 }
	refused := func() bool { return strings.Contains(v.status("bad").LastError, later) }
	until(t, "the log to say that mallory did it, and "+what, func() bool { return said() || s.isOver() && refused() })
	if !said() {
		time.Sleep(100 * time.Millisecond)
		return false
	}
	if what != "" {
		s.waitOver()
	}
	return true
}

// Rules of the peer are matched with every path: they must not cost the earth.
func TestRulesThatTakeLong(t *testing.T) {
	t.Parallel()
	deep := strings.TrimSuffix(strings.Repeat("a/", 2000), "/")
	for name, lines := range map[string][]string{
		"stars":   {strings.Repeat("*a", 30000) + "b"},
		"doubles": {"/" + strings.Repeat("**/a/", 10000) + "b"},
		"many":    manyRules("/" + strings.Repeat("**/a/", 12) + "b"),
		"classes": {strings.Repeat("[a-z]*", 10000) + "!"},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVictim(t, setup{})
			a := newAttacker(v)
			s := a.dial()
			h := s.hello()
			h.Ignore = lines
			sendHello(t, s, h)
			began := time.Now()
			must(t, s.tell(s.file(strings.Repeat("a", 255), "x"), s.file(deep, "x"), s.file("after", "x")))
			until(t, "the victim to be done with it", func() bool { return v.status("bad").Heard >= uint64(s.pos) || s.isOver() })
			t.Logf("%d rules, %d bytes: %v", len(lines), len(lines[0]), time.Since(began).Round(time.Millisecond))
			s.close()
			a.proves()
		})
	}
}

// A peer that comes with a new past each time costs a pass over the index each
// time. That may take a part of the victim's time, not all of it.
func TestNewPastEachTime(t *testing.T) {
	t.Parallel()
	v := newVictim(t, setup{})
	a := newAttacker(v)
	was := v.status("bad").Epoch
	a.connect().close()
	for i := range 30 {
		s := a.dial()
		h := s.hello()
		if h.Epoch += index.Epoch(i); i%2 == 0 {
			h.HeardRun++
		}
		sendHello(t, s, h)
		s.close()
	}
	a.epoch += 1 << 32
	a.proves()
	if n := strings.Count(v.log(0), "histories do not fit"); n > 40 {
		t.Errorf("%d lines of log", n)
	}
	if v.status("bad").Epoch == was {
		t.Error("the victim has the epoch that it had: nothing was tried")
	}
	if st := v.status("bad"); st.State == report.Failed {
		t.Error(st.Reason)
	}
}

// Nor may one that has new ignore rules each time: those, too, cost a pass.
func TestNewRulesEachTime(t *testing.T) {
	t.Parallel()
	// A pass has to take its time, on the fastest of disks, for passes that cost
	// hardly anything are not refused.
	v := newVictim(t, setup{files: func(root string) {
		for i := range 4000 {
			must(t, os.WriteFile(filepath.Join(root, fmt.Sprint("many", i)), nil, 0o644))
		}
	}})
	a := newAttacker(v)
	a.connect().close()
	refused := func() bool { return strings.Contains(v.status("bad").LastError, "ignore rules have changed for the") }
	for i := 0; i < 60 && !refused(); i++ {
		s := a.dial()
		h := s.hello()
		h.Ignore = []string{fmt.Sprint("rule", i)}
		sendHello(t, s, h)
		until(t, "the victim to deal with the rules", func() bool { return s.isOver() || v.status("bad").Connected })
		s.close()
	}
	if !refused() {
		t.Error("as many passes over the index as the peer likes")
	}
	until(t, "a peer with lasting rules to be taken again", func() bool {
		s := a.dial()
		defer s.close()
		sendHello(t, s, s.hello())
		until(t, "an answer", func() bool { return s.isOver() || v.status("bad").Connected })
		return !s.isOver()
	})
	a.proves()
}

// A peer that does nothing but connect does not fill the log.
func TestConnectsAgainAndAgain(t *testing.T) {
	t.Parallel()
	v := newVictim(t, setup{})
	a := newAttacker(v)
	for range 200 {
		select {
		case conn := <-a.endpoint.Conns():
			s := &session{a: a, conn: conn, over: make(chan struct{})}
			if s.greeting() == nil {
				sendHello(t, s, s.hello())
			}
			conn.Close()
		case <-time.After(patience):
			t.Fatal("cannot connect")
		}
	}
	if n := len(grep(v.log(0), `"share":"bad"`, "has to wait for a minute")); n != 1 {
		t.Errorf("said %d times that the peer has to wait", n)
	}
	if n := len(grep(v.log(0), `"share":"bad"`, "connected to peer")); n > 130*2 {
		t.Errorf("%d sessions in the log", n)
	}
}

func manyRules(line string) (out []string) {
	for range min(1000, 65000/len(line)) {
		out = append(out, line)
	}
	return out
}
