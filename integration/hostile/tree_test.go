package hostile

import (
	"math"
	"os"
	"strings"
	"testing"

	"duet/integration/rig"
	"duet/replicate/wire/wirepb"
	"duet/store/index"
)

// intrusion is an attack that keeps to the protocol, and what must not have
// come of it once the victim has heard it and has nothing left to do.
type intrusion struct {
	name   string
	change func(s *session) []*wirepb.Change
	check  func(t *testing.T, v *victim)
}

func (in intrusion) attack() attack {
	return attack{name: in.name, check: in.check, do: func(s *session) { s.tell(in.change(s)...) }}
}

// TestIntrusions tries, one by one, what the protocol allows to say and nobody
// may do: to get out of the root, into the holding area, at ignored paths.
func TestIntrusions(t *testing.T) {
	t.Parallel()
	t.Run("holding area inside", func(t *testing.T) {
		testIntrusions(t, "64m", append(intrusions(), intoHolding()...))
	})
	t.Run("holding area beside", func(t *testing.T) {
		testIntrusions(t, "", append(intrusions(), metadata()...))
	})
}

func testIntrusions(t *testing.T, mount string, all []intrusion) {
	v := newVictim(t, setup{lines: rig.Lines{"ignore": `["*.tmp"]`}, mount: mount})
	a := newAttacker(v)
	for _, in := range all {
		t.Run(in.name, func(t *testing.T) { in.attack().run(t, a) })
	}
	a.in(t)
}

func changes(c ...*wirepb.Change) []*wirepb.Change { return c }

// absent says that nothing is at these names of the share's tree.
func absent(names ...string) func(*testing.T, *victim) {
	return func(t *testing.T, v *victim) {
		t.Helper()
		for _, name := range names {
			if info, err := os.Lstat(v.at(name)); err == nil {
				t.Errorf("%s is %v", name, info.Mode())
			}
		}
	}
}

// still says that the victim's own files are as they were.
func still(names ...string) func(*testing.T, *victim) {
	return func(t *testing.T, v *victim) {
		t.Helper()
		for _, name := range names {
			if got, want := v.read(name), "the victim's own "+name; got != want {
				t.Errorf("%s is %q, was %q", name, got, want)
			}
		}
	}
}

func both(a, b func(*testing.T, *victim)) func(*testing.T, *victim) {
	return func(t *testing.T, v *victim) {
		t.Helper()
		a(t, v)
		b(t, v)
	}
}

func intrusions() []intrusion {
	files := func(names ...string) func(*session) []*wirepb.Change {
		return func(s *session) (out []*wirepb.Change) {
			for _, name := range names {
				out = append(out, s.file(name, "evil"))
			}
			return out
		}
	}
	nothing := func(*testing.T, *victim) {}
	return []intrusion{
		{"through a link out of the root", files("out/x", "out/deep/x", "out/deep/b", "d/up/a"), nothing},
		{"through a file", files("plain/x", "plain/x/y"), still("plain")},
		{"through what is not there", files("no/such/x"), absent("no")},
		{"through a link that is announced as well", func(s *session) []*wirepb.Change {
			return changes(s.link("way", "../../../canary"), s.file("way/x", "evil"), s.dir("way/deep"), s.file("way/deep/b", "evil"))
		}, absent("way/x")},
		{"through a link that becomes a directory and a link again", func(s *session) []*wirepb.Change {
			return changes(s.dir("swing"), s.file("swing/a", "evil"),
				s.change("swing", s.a.knowing("swing", index.Entry{Kind: index.Symlink, Target: "../../../canary", ModTime: 1}), nil))
		}, nothing},
		{"tombstones through a link", func(s *session) []*wirepb.Change {
			return changes(s.change("out/a", index.Entry{Kind: index.Gone}, nil), s.change("out/deep", index.Entry{Kind: index.Gone}, nil))
		}, nothing},
		{"into the usual holding areas", files(".duet/stage/x", ".duet-bad/kept/1", "d/.duet/x", ".duet-good/x"),
			absent(".duet/stage/x", ".duet-bad", "d/.duet", ".duet-good")},
		{"ignored paths", files("held.tmp", "new.tmp", "sub/held.tmp", "new.tmp/x"), both(absent("new.tmp"), still("held.tmp", "sub/held.tmp"))},
		{"tombstones of what is ignored", func(s *session) []*wirepb.Change {
			return changes(s.change("held.tmp", index.Entry{Kind: index.Gone}, nil), s.change("sub", s.a.knowing("sub", index.Entry{Kind: index.Gone}), nil))
		}, still("held.tmp", "sub/held.tmp")},
		{"a file in place of a directory with contents", func(s *session) []*wirepb.Change {
			return changes(s.change("d", s.a.knowing("d", fileOf("evil")), []byte("evil")))
		}, still("d/one", "d/two", "d/e/three")},
		{"a directory in place of a file", func(s *session) []*wirepb.Change {
			return changes(s.dir("plain"))
		}, nothing},
	}
}

// intoHolding are intrusions where the holding area is inside the root.
func intoHolding() []intrusion {
	return []intrusion{
		{"into the holding area", func(s *session) []*wirepb.Change {
			return changes(s.dir(".duet"), s.dir(".duet/kept"), s.file(".duet/kept/1", "evil"),
				s.file(".duet/stage/x.part", "evil"), s.link(".duet/stage/l", "/"))
		}, absent(".duet/kept/1", ".duet/stage/x.part", ".duet/stage/l")},
		{"in place of the holding area", func(s *session) []*wirepb.Change {
			return changes(s.link(".duet", "../../../canary"))
		}, func(t *testing.T, v *victim) {
			if info, err := os.Lstat(v.at(".duet/stage")); err != nil || !info.IsDir() {
				t.Errorf("the holding area is %v, %v", info, err)
			}
		}},
		{"the holding area is gone", func(s *session) []*wirepb.Change {
			return changes(s.change(".duet/stage", index.Entry{Kind: index.Gone}, nil), s.change(".duet", index.Entry{Kind: index.Gone}, nil))
		}, func(t *testing.T, v *victim) {
			if _, err := os.Lstat(v.at(".duet/stage")); err != nil {
				t.Error(err)
			}
		}},
	}
}

// metadata are entries that are absurd in what else they say of a file.
func metadata() []intrusion {
	name := strings.Repeat("o", 255)
	with := func(change func(*index.Entry)) func(*session) []*wirepb.Change {
		return func(s *session) []*wirepb.Change {
			e := fileOf("meta")
			change(&e)
			return changes(s.change("meta", e, []byte("meta")))
		}
	}
	nothing := func(*testing.T, *victim) {}
	plain := func(t *testing.T, v *victim) {
		t.Helper()
		if info, err := os.Lstat(v.at("meta")); err != nil || info.Mode()&^os.ModePerm != 0 {
			t.Errorf("%v, %v", info, err)
		}
	}
	return []intrusion{
		{"setuid, setgid, sticky", with(func(e *index.Entry) { e.Mode = 0o7777 }), plain},
		{"no mode at all", with(func(e *index.Entry) { e.Mode = 0 }), plain},
		{"absurd owners", with(func(e *index.Entry) { e.Owner, e.Group = name, "../../etc/passwd\n:0:0" }), plain},
		{"an owner that is a number", with(func(e *index.Entry) { e.Owner, e.Group = "4294967295", "-1" }), plain},
		{"the end of time", with(func(e *index.Entry) { e.ModTime = math.MaxInt64 }), plain},
		{"the beginning of time", with(func(e *index.Entry) { e.ModTime = math.MinInt64 }), plain},
		{"a millisecond before 1970", with(func(e *index.Entry) { e.ModTime = -1e6 }), plain},
		{"an origin that nobody has", with(func(e *index.Entry) { e.Origin = math.MaxUint64 }), plain},
		{"a version full of epochs to come", with(func(e *index.Entry) {
			e.Version = nil
			for i := range index.Epoch(index.MaxCounters - 1) {
				e.Version = append(e.Version, index.Counter{Epoch: math.MaxUint64 - 20 + i, Seq: math.MaxUint64})
			}
		}), plain},
		{"a loser full of epochs to come", with(func(e *index.Entry) {
			e.Over = index.Version{{Epoch: 1, Seq: math.MaxUint64}, {Epoch: math.MaxUint64, Seq: math.MaxUint64}}
		}), plain},
		{"links to everywhere", func(s *session) []*wirepb.Change {
			return changes(s.link("l1", strings.Repeat("/x", 2048)), s.link("l2", "\n\x1b[2J"), s.link("l3", ".."), s.link("l4", "/proc/self/mem"), s.link("l5", "l5"))
		}, nothing},
		{"a very deep tree", func(s *session) (out []*wirepb.Change) {
			for n := 1; n < 400; n++ {
				out = append(out, s.dir(strings.TrimSuffix(strings.Repeat("n/", n), "/")))
			}
			return append(out, s.file(strings.Repeat("n/", 399)+strings.Repeat("x", 255), "deep"))
		}, nothing},
	}
}
