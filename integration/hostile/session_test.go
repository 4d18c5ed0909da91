package hostile

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"duet/replicate/link"
	"duet/replicate/wire"
	"duet/replicate/wire/wirepb"
	"duet/store/index"
)

// server answers a request for one content, piece by piece.
type server func(w wire.Want, answer func(wire.Piece) error) error

// session is one connection, with both hellos said.
type session struct {
	a      *attacker
	conn   link.Conn
	ctl    link.Stream
	theirs *wire.Hello
	pos    index.Seq // the last one told
	over   chan struct{}

	random bool // other attacks came before: what one brings says nothing

	mu     sync.Mutex
	acked  index.Seq
	serve  server
	closed error
}

func (s *session) greeting() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if s.ctl, err = s.conn.Open(ctx, "control"); err != nil {
		return err
	}
	m, err := wire.ReadMsg(s.ctl)
	if err != nil {
		return err
	}
	var ok bool
	if s.theirs, ok = m.(*wire.Hello); !ok {
		return fmt.Errorf("the victim says %+v", m)
	}
	s.a.meets(s.theirs)
	if s.theirs.HeardEpoch == s.a.epoch {
		s.pos, s.acked = s.theirs.Heard, s.theirs.Heard
	}
	return nil
}

// hello is what an honest peer would say that has nothing in its tree.
func (s *session) hello() *wire.Hello {
	h := &wire.Hello{
		Protocol: wire.Protocol, Oldest: 1, Version: "0", Share: "bad", NodeName: "mallory", Node: s.a.node,
		Epoch: s.a.epoch, Head: s.pos, Run: 1,
		Conflict: s.theirs.Conflict, Deletes: s.theirs.Deletes, SpecialBits: s.theirs.SpecialBits,
		Clock: time.Now().UnixNano(),
	}
	s.a.mu.Lock()
	defer s.a.mu.Unlock()
	if s.a.heard != 0 {
		h.HeardEpoch, h.Heard, h.HeardRun = s.a.life, s.a.heard, s.a.run
	}
	return h
}

// hear takes in what the victim says, so that it is never held up.
func (s *session) hear() {
	defer close(s.over)
	go s.accept()
	for {
		m, err := wire.ReadMsg(s.ctl)
		if err != nil {
			s.mu.Lock()
			s.closed = err
			s.mu.Unlock()
			return
		}
		switch m := m.(type) {
		case *wire.Changes:
			s.a.hears(m)
		case *wire.Ack:
			s.mu.Lock()
			s.acked = m.Heard
			s.mu.Unlock()
		}
	}
}

// accept answers requests for contents with what serve says.
func (s *session) accept() {
	for {
		stream, err := s.conn.Accept(context.Background())
		if err != nil {
			return
		}
		go s.answer(stream)
	}
}

func (s *session) answer(stream link.Stream) {
	defer stream.Close()
	for {
		m, err := wire.ReadMsg(stream)
		if err != nil {
			return
		}
		s.mu.Lock()
		serve := s.serve
		s.mu.Unlock()
		if serve == nil {
			serve = func(_ wire.Want, answer func(wire.Piece) error) error {
				return answer(wire.Piece{Last: true, Refusal: wire.Gone, Text: "no"})
			}
		}
		for _, w := range m.(*wire.Fetch).Wants {
			err := serve(w, func(p wire.Piece) error {
				if p.ID == 0 {
					p.ID = w.ID
				}
				var chunks []byte
				for _, c := range p.Chunks {
					chunks = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(chunks, uint32(c.Len)), c.Sum)
				}
				return sendRaw(stream, wirepb.Kind_PIECE, &wirepb.Piece{
					Id: p.ID, Data: p.Data, Zstd: p.Zstd, Last: p.Last, Refusal: wirepb.Refusal(p.Refusal), Text: p.Text,
					Hole: p.Hole, Chunks: chunks})
			})
			if err != nil {
				return
			}
		}
	}
}

func (s *session) serving(f server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serve = f
}

// waitOver waits until the victim has ended the session.
func (s *session) waitOver() {
	s.a.t.Helper()
	select {
	case <-s.over:
	case <-time.After(patience):
		s.a.t.Fatal("the victim goes on with the session")
	}
}

// waitAck waits until the victim has heard everything; it must not have ended
// the session.
func (s *session) waitAck() {
	s.a.t.Helper()
	until(s.a.t, "the acknowledgement", func() bool {
		if s.isOver() {
			s.a.t.Fatalf("the victim ended the session: %v, %v", s.closed, s.conn.Err())
		}
		return s.heardOut()
	})
}

// heardOut reports whether the victim has heard everything.
func (s *session) heardOut() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.acked >= s.pos
}

func (s *session) isOver() bool {
	select {
	case <-s.over:
		return true
	default:
		return false
	}
}

func (s *session) close() {
	s.conn.Close()
	<-s.over
}

// fault fails the test, unless attacks come at random.
func (s *session) fault(format string, args ...any) {
	s.a.t.Helper()
	if !s.random {
		s.a.t.Errorf(format, args...)
	}
}

// open opens a stream.
func (s *session) open(kind string) (link.Stream, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return s.conn.Open(ctx, kind)
}

// fetch asks the victim for contents, and returns the last piece of each answer.
func (s *session) fetch(wants ...wire.Want) (out []*wire.Piece, err error) {
	stream, err := s.open("fetch")
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	for i := range wants {
		wants[i].ID = uint64(i + 1)
	}
	if err := wire.WriteMsg(stream, &wire.Fetch{Wants: wants}); err != nil {
		return nil, err
	}
	for len(out) < len(wants) {
		m, err := wire.ReadMsg(stream)
		if err != nil {
			return out, err
		}
		if p, ok := m.(*wire.Piece); ok && p.Last {
			out = append(out, p)
		}
	}
	return out, nil
}

// sendRaw sends a message without looking at it.
func sendRaw(w io.Writer, kind wirepb.Kind, m proto.Message) error {
	b, err := proto.Marshal(m)
	if err != nil {
		return err
	}
	return sendBytes(w, uint32(len(b)+1), append([]byte{byte(kind)}, b...))
}

// sendBytes sends a frame that says it has n bytes.
func sendBytes(w io.Writer, n uint32, b []byte) error {
	_, err := w.Write(append([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, b...))
	return err
}

// sendHello sends a hello that package wire may not want to send.
func sendHello(t testing.TB, s *session, h *wire.Hello) {
	t.Helper()
	m := &wirepb.Hello{
		Protocol: h.Protocol, Oldest: h.Oldest, Version: h.Version, Share: h.Share, NodeName: h.NodeName, Node: uint64(h.Node),
		Epoch: uint64(h.Epoch), Head: uint64(h.Head), Run: h.Run,
		HeardEpoch: uint64(h.HeardEpoch), Heard: uint64(h.Heard), HeardRun: h.HeardRun,
		Conflict: h.Conflict, Deletes: h.Deletes, SpecialBits: h.SpecialBits, SyncOwners: h.SyncOwners, Hold: h.Hold,
		ClockNs: h.Clock, Records: h.Records,
	}
	for _, line := range h.Ignore {
		m.Ignore = append(m.Ignore, []byte(line))
	}
	must(t, sendRaw(s.ctl, wirepb.Kind_HELLO, m))
}
