package hostile

import (
	"strings"
	"testing"

	"duet/replicate/wire/wirepb"
	"duet/store/index"
)

// attack is one thing that a peer must not do, or that must come to nothing.
type attack struct {
	name  string
	do    func(s *session) // once both have said hello
	serve server           // how contents are answered meanwhile; nil: they are gone
	// If the victim has to end the session for it, ends is what its log has to
	// say of that; if it only has to tell, that is says.
	ends, says string
	// check is what must have come of it, or not, once the victim has nothing
	// left to do.
	check func(t *testing.T, v *victim)
}

// run does one attack, and then checks what must hold after every one.
func (at attack) run(t *testing.T, a *attacker) {
	v := a.v
	a.in(t)
	logged := len(v.log(0))
	s := a.connect()
	s.serving(at.serve)
	at.do(s)
	if at.ends != "" {
		s.waitOver()
	} else {
		s.waitAck()
		// What comes later is installed: by then the victim has had its look
		// at what came before.
		must(t, s.tell(s.file("after", at.name)))
		until(t, "what comes after", func() bool { return v.read("after") == at.name })
	}
	if what := at.ends + at.says; what != "" {
		until(t, "the log to say that mallory did it, and "+what, func() bool {
			return len(grep(v.log(logged), `"peer":"mallory"`, what)) > 0
		})
	}
	if at.check != nil {
		at.check(t, v)
	}
	s.close()
	a.proves()
	v.untouched()
	if at.ends == "" {
		if lines := grep(v.log(logged), `"level":"ERROR"`); len(lines) > 0 {
			t.Errorf("%.1000s", lines[0])
		}
	}
}

// TestImpossible sends, one by one, messages that no honest peer would send:
// each ends the session.
func TestImpossible(t *testing.T) {
	t.Parallel()
	v := newVictim(t, setup{})
	a := newAttacker(v)
	for _, at := range impossible() {
		t.Run(at.name, func(t *testing.T) { at.run(t, a) })
	}
	a.in(t)
}

func impossible() []attack {
	long := strings.Repeat("n", 256)
	paths := map[string]string{
		"..": "component", ".": "component", "../canary/x": "component", "d/../../x": "component", "": "empty path",
		"/etc/passwd": "empty component", "/": "empty component", "d//x": "empty component", "d/": "empty component",
		"a\x00b": "NUL byte", long: "component of 256 bytes", strings.Repeat("n/", 2048) + "n": "path of 4097 bytes",
	}
	var out []attack
	for p, says := range paths {
		out = append(out, attack{name: "path " + index.Quote(p[:min(len(p), 12)]), ends: says, do: func(s *session) {
			s.tell(s.file(p, "x"))
		}})
	}
	entry := func(name, says string, change func(*wirepb.Change)) {
		out = append(out, attack{name: name, ends: says, do: func(s *session) {
			c := s.file("x", "x")
			change(c)
			s.tell(c)
		}})
	}
	entry("size of 2^63", "out of range", func(c *wirepb.Change) { c.Entry.Size = 1 << 63; c.Content = nil })
	entry("size of 2^64-1", "out of range", func(c *wirepb.Change) { c.Entry.Size = 1<<64 - 1; c.Content = nil })
	entry("content that is longer", "content of", func(c *wirepb.Change) { c.Content = []byte("xyz") })
	entry("content of 33 KiB", "the limit is", func(c *wirepb.Change) { c.Content = make([]byte, 33<<10); c.Entry.Size = 33 << 10 })
	entry("content of a directory", "content", func(c *wirepb.Change) { c.Entry.Kind = 2 })
	entry("short hash", "hash of 5 bytes", func(c *wirepb.Change) { c.Entry.Hash = []byte("short") })
	entry("no hash", "without a hash", func(c *wirepb.Change) { c.Entry.Hash = nil })
	entry("no entry", "no entry", func(c *wirepb.Change) { c.Entry = nil })
	entry("no version", "without a version", func(c *wirepb.Change) { c.Entry.Version = nil })
	entry("17 counters", "more than 16", func(c *wirepb.Change) {
		for i := range uint64(17) {
			c.Entry.Version = append(c.Entry.Version, counter(1<<60+i, 1))
		}
	})
	entry("counter of 0", "counts zero", func(c *wirepb.Change) { c.Entry.Version[0].Seq = 0 })
	entry("mode of 2^31", "mode", func(c *wirepb.Change) { c.Entry.Mode = 1 << 31 })
	entry("unknown kind of entry", "is unknown", func(c *wirepb.Change) { c.Entry.Kind = 9 })
	entry("link to NUL", "NUL", func(c *wirepb.Change) {
		c.Entry = index.EntryToProto(&index.Entry{Kind: index.Symlink, Target: "a\x00b", Version: index.Version{{Epoch: 1, Seq: 1}}})
		c.Content = nil
	})
	entry("owner of 10,000 bytes", "owner of", func(c *wirepb.Change) { c.Entry.Owner = make([]byte, 10000) })
	entry("position 0", "position 0", func(c *wirepb.Change) { c.Pos = 0 })
	entry("agreed, and a state", "both", func(c *wirepb.Change) { c.Agreed = 1 })
	entry("confirms what never was", "confirms position", func(c *wirepb.Change) { *c = wirepb.Change{Pos: c.Pos, Agreed: 1 << 63} })
	return append(out, journals()...)
}
