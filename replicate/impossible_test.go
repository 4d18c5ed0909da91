package replicate_test

import (
	"strings"
	"testing"

	"duet/replicate/report"
	"duet/replicate/wire"
	"duet/scan"
	"duet/store/index"
)

// A peer that says what cannot be is hung up on, and nothing that it said in
// the same breath is believed.
func TestImpossiblePeer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		say  func(pp *puppet) []wire.Msg
		want string
	}{
		{"journal runs backwards", func(*puppet) []wire.Msg {
			back := changes(fileAt(4, "y", ""))
			back.Through = 6
			return []wire.Msg{changes(wire.Change{Pos: 5, Path: "d", Entry: goneAt(5)}), back}
		}, "journal position 4 after 5"},
		{"version from the future", func(pp *puppet) []wire.Msg {
			x := fileAt(2, "x", "")
			x.Entry.Version = x.Entry.Version.With(pp.hello.Epoch, pp.hello.Head+1)
			return []wire.Msg{changes(fileAt(1, "y", ""), x)}
		}, "claims an edit of ours"},
		{"beat a version from the future", func(pp *puppet) []wire.Msg {
			x := fileAt(2, "x", "")
			x.Entry.Over = index.Version{{Epoch: pp.hello.Epoch, Seq: pp.hello.Head + 1}}
			return []wire.Msg{changes(fileAt(1, "y", ""), x)}
		}, "claims an edit of ours"},
		{"confirms the future", func(pp *puppet) []wire.Msg {
			return []wire.Msg{changes(fileAt(1, "y", ""), wire.Change{Pos: 2, Agreed: pp.hello.Head + 1})}
		}, "peer confirms position"},
		{"heard the future", func(pp *puppet) []wire.Msg {
			return []wire.Msg{&wire.Ack{Heard: pp.hello.Head + 1}, changes(fileAt(1, "y", ""))}
		}, "peer acknowledges position"},
		{"orders", func(*puppet) []wire.Msg {
			return []wire.Msg{&wire.Fetch{Wants: []wire.Want{{ID: 1, Path: "mine", Hash: index.Hash{1}}}}}
		}, "peer sent a *wire.Fetch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, nil)
			p.a.write("mine", "mine")
			p.a.start()
			p.a.until("the first scan", isState(report.Disconnected)) // else what is to come is no future
			pp := p.puppetAgain(nil)
			p.a.until("meeting", connected)
			pp.breathe(c.say(pp)...)
			st := p.a.until("the end of the session", func(st report.Status) bool { return !st.Connected })
			if !strings.Contains(st.LastError, c.want) {
				t.Errorf("it ended with %q, want %q", st.LastError, c.want)
			}
			if r := p.a.record("y"); r != nil {
				t.Errorf("what came along was believed: %+v", r)
			}
			if got := list(t, p.a.root); strings.Count(got, "\n") != 0 || p.a.read("mine") != "mine" {
				t.Errorf("the tree is\n%s", got)
			}
		})
	}
}

// goneAt is a tombstone of the puppet's.
func goneAt(pos index.Seq) *index.Entry {
	return &index.Entry{Kind: index.Gone, Version: index.Version{{Epoch: puppetEpoch, Seq: pos}}, Origin: nodeID(2)}
}

// Two nodes that would decide differently, or that are not who they should be,
// do not begin.
func TestNodesThatWouldNotAgree(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*wire.Hello)
		want   string
	}{
		{"conflict rule", func(m *wire.Hello) { m.Conflict = "older" }, "conflict of share"},
		{"delete rule", func(m *wire.Hello) { m.Deletes = "never" }, "deletes of share"},
		{"special bits", func(m *wire.Hello) { m.SpecialBits = true }, "special_bits of share"},
		{"another share", func(m *wire.Hello) { m.Share = "other" }, "speaks of share"},
		{"another node", func(m *wire.Hello) { m.Node = nodeID(3) }, "its key says"},
		{"another name", func(m *wire.Hello) { m.NodeName = "c" }, "calls itself"},
		{"a future protocol", func(m *wire.Hello) { m.Protocol, m.Oldest = 99, 99 }, "protocol"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, nil)
			p.puppetOf(c.change)
			st := p.a.until("a refusal", func(st report.Status) bool { return st.LastError != "" && !st.Connected })
			if !strings.Contains(st.LastError, c.want) {
				t.Errorf("it ended with %q, want %q", st.LastError, c.want)
			}
		})
	}
}

// Content that came along with its change, and is not what the change says, is
// never installed: it is asked for instead.
func TestWrongInlineContent(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	pp := p.puppetOf(nil)
	pp.serve(map[index.Path]string{"x": "right"})
	c := fileAt(1, "x", "right")
	c.Content = []byte("wrong")
	pp.say(changes(c))
	p.until("x", func() bool {
		got := p.a.read("x")
		if got == "wrong" {
			t.Fatal("the wrong content was installed")
		}
		return got == "right"
	})
}

// The peer may have what was announced to it, and nothing else that is in the
// root or near it.
func TestOffersOnlyWhatItAnnounced(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.a.cfg.Ignore = []string{"*.secret"}
	p.a.write("x", "public")
	p.a.write("x.secret", "secret")
	pp := p.puppetOf(nil)
	p.a.until("meeting", connected)
	ask := func(name index.Path, content string) *wire.Piece {
		return pp.fetch(wire.Want{Path: name, Hash: scan.SumBytes([]byte(content)), Size: int64(len(content))})
	}
	if got := ask("x", "public"); string(got.Data) != "public" {
		t.Errorf("x: %+v", got)
	}
	for name, content := range map[index.Path]string{"x.secret": "secret", "x": "guess!", "none": "public", ".duet/kept/1": "public"} {
		if got := ask(name, content); got.Refusal == wire.None || len(got.Data) > 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
