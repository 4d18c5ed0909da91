package hostile

import (
	"math"

	"duet/replicate/wire"
	"duet/replicate/wire/wirepb"
	"duet/store/index/indexpb"
)

func counter(epoch, seq uint64) *indexpb.Counter { return &indexpb.Counter{Epoch: epoch, Seq: seq} }

// journals are lies about positions, and messages that are none.
func journals() []attack {
	claim := func(over uint64) func(*victim, *session) {
		return func(_ *victim, s *session) {
			c := s.file("plain", "from the future")
			c.Entry.Version = []*indexpb.Counter{
				counter(uint64(s.theirs.Epoch), uint64(s.theirs.Head)+over),
				counter(uint64(s.a.epoch), uint64(s.pos)),
			}
			if s.a.epoch < s.theirs.Epoch {
				v := c.Entry.Version
				v[0], v[1] = v[1], v[0]
			}
			s.tell(c)
		}
	}
	raw := func(kind wirepb.Kind, body string) func(*victim, *session) {
		return func(_ *victim, s *session) {
			sendBytes(s.ctl, uint32(len(body)+1), append([]byte{byte(kind)}, body...))
		}
	}
	return []attack{
		{"knows an edit that comes next", claim(1 << 40), "claims an edit of ours"},
		{"knows an edit of 2^63", claim(1 << 62), "claims an edit of ours"},
		{"positions run backwards in a message", func(_ *victim, s *session) {
			x, y := s.file("x", "x"), s.file("y", "y")
			s.tell(y, x)
		}, "is at position"},
		{"positions run backwards between messages", func(_ *victim, s *session) {
			x, y := s.file("x", "x"), s.file("y", "y")
			s.tell(x, y)
			s.tell(x)
		}, "after"},
		{"through runs backwards", func(_ *victim, s *session) {
			s.tell(s.file("x", "x"), s.file("y", "y"))
			sendRaw(s.ctl, wirepb.Kind_CHANGES, &wirepb.Changes{Through: 1, Head: 1 << 20})
		}, "runs backwards"},
		{"head before through", func(_ *victim, s *session) {
			c := s.file("x", "x")
			sendRaw(s.ctl, wirepb.Kind_CHANGES, &wirepb.Changes{Changes: []*wirepb.Change{c}, Through: c.Pos, Head: c.Pos - 1})
		}, "out of order"},
		{"ack beyond the head", func(_ *victim, s *session) {
			sendRaw(s.ctl, wirepb.Kind_ACK, &wirepb.Ack{Heard: 1 << 63})
		}, "acknowledges position"},
		{"too many changes", func(_ *victim, s *session) {
			m := &wirepb.Changes{Through: 1 << 40, Head: 1 << 40}
			for i := range 5000 {
				m.Changes = append(m.Changes, &wirepb.Change{Pos: uint64(s.pos) + uint64(i) + 1})
			}
			sendRaw(s.ctl, wirepb.Kind_CHANGES, m)
		}, "more than 4096"},
		{"a frame of 4 GiB", func(_ *victim, s *session) { sendBytes(s.ctl, math.MaxUint32, []byte{2}) }, "frame of 4294967295 bytes"},
		{"an empty frame", func(_ *victim, s *session) { sendBytes(s.ctl, 0, nil) }, "empty frame"},
		{"no protobuf", raw(wirepb.Kind_CHANGES, "\xff\xff\xff\xff"), "received CHANGES"},
		{"an unknown message", raw(99, ""), "not a message of this protocol"},
		{"an unknown control", func(_ *victim, s *session) {
			sendRaw(s.ctl, wirepb.Kind_CONTROL, &wirepb.Control{Kind: 77})
		}, "unknown kind 77"},
		{"a second hello", func(_ *victim, s *session) { wire.WriteMsg(s.ctl, s.hello()) }, "Hello"},
		{"a piece on the control stream", func(_ *victim, s *session) {
			sendRaw(s.ctl, wirepb.Kind_PIECE, &wirepb.Piece{Id: 1, Last: true})
		}, "Piece"},
		{"refuses with a text that steers a terminal", func(_ *victim, s *session) {
			sendRaw(s.ctl, wirepb.Kind_CONTROL, &wirepb.Control{Kind: 4, Text: "\x1b[2J\nlevel=INFO msg=\"all is well\""})
		}, "peer says"},
	}
}
