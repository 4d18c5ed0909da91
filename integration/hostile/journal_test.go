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
	claim := func(over uint64) func(*session) {
		return func(s *session) {
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
	raw := func(kind wirepb.Kind, body string) func(*session) {
		return func(s *session) {
			sendBytes(s.ctl, uint32(len(body)+1), append([]byte{byte(kind)}, body...))
		}
	}
	return []attack{
		{name: "knows an edit that comes next", do: claim(1 << 40), ends: "claims an edit of ours"},
		{name: "knows an edit of 2^63", do: claim(1 << 62), ends: "claims an edit of ours"},
		{name: "positions run backwards in a message", do: func(s *session) {
			x, y := s.file("x", "x"), s.file("y", "y")
			s.tell(y, x)
		}, ends: "is at position"},
		{name: "positions run backwards between messages", do: func(s *session) {
			x, y := s.file("x", "x"), s.file("y", "y")
			s.tell(x, y)
			s.tell(x)
		}, ends: "after"},
		{name: "through runs backwards", do: func(s *session) {
			s.tell(s.file("x", "x"), s.file("y", "y"))
			sendRaw(s.ctl, wirepb.Kind_CHANGES, &wirepb.Changes{Through: 1, Head: 1 << 20})
		}, ends: "runs backwards"},
		{name: "head before through", do: func(s *session) {
			c := s.file("x", "x")
			sendRaw(s.ctl, wirepb.Kind_CHANGES, &wirepb.Changes{Changes: []*wirepb.Change{c}, Through: c.Pos, Head: c.Pos - 1})
		}, ends: "out of order"},
		{name: "ack beyond the head", do: func(s *session) {
			sendRaw(s.ctl, wirepb.Kind_ACK, &wirepb.Ack{Heard: 1 << 63})
		}, ends: "acknowledges position"},
		{name: "too many changes", do: func(s *session) {
			m := &wirepb.Changes{Through: 1 << 40, Head: 1 << 40}
			for i := range 5000 {
				m.Changes = append(m.Changes, &wirepb.Change{Pos: uint64(s.pos) + uint64(i) + 1})
			}
			sendRaw(s.ctl, wirepb.Kind_CHANGES, m)
		}, ends: "more than 4096"},
		{name: "a frame of 4 GiB", do: func(s *session) { sendBytes(s.ctl, math.MaxUint32, []byte{2}) }, ends: "frame of 4294967295 bytes"},
		{name: "an empty frame", do: func(s *session) { sendBytes(s.ctl, 0, nil) }, ends: "empty frame"},
		{name: "no protobuf", do: raw(wirepb.Kind_CHANGES, "\xff\xff\xff\xff"), ends: "received CHANGES"},
		{name: "an unknown message", do: raw(99, ""), ends: "not a message of this protocol"},
		{name: "an unknown control", do: func(s *session) {
			sendRaw(s.ctl, wirepb.Kind_CONTROL, &wirepb.Control{Kind: 77})
		}, ends: "unknown kind 77"},
		{name: "holds and goes on without end", do: func(s *session) {
			for range 100 {
				sendRaw(s.ctl, wirepb.Kind_CONTROL, &wirepb.Control{Kind: wirepb.Control_HOLD})
				sendRaw(s.ctl, wirepb.Kind_CONTROL, &wirepb.Control{Kind: wirepb.Control_RELEASE})
			}
		}, ends: "again and again"},
		{name: "a second hello", do: func(s *session) { wire.WriteMsg(s.ctl, s.hello()) }, ends: "Hello"},
		{name: "a piece on the control stream", do: func(s *session) {
			sendRaw(s.ctl, wirepb.Kind_PIECE, &wirepb.Piece{Id: 1, Last: true})
		}, ends: "Piece"},
		{name: "refuses with a text that steers a terminal", do: func(s *session) {
			sendRaw(s.ctl, wirepb.Kind_CONTROL, &wirepb.Control{Kind: 4, Text: "\x1b[2J\nlevel=INFO msg=\"all is well\""})
		}, ends: "peer says"},
	}
}
