package hostile

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"duet/replicate/link"
	"duet/replicate/wire"
	"duet/replicate/wire/wirepb"
	"duet/scan"
	"duet/store/index"
)

// attacker has the key that the victim trusts.
type attacker struct {
	t        testing.TB
	dir      string
	hub      *link.Hub
	endpoint *link.Endpoint
	node     index.NodeID
	epoch    index.Epoch
}

func newAttacker(t testing.TB, dir, addr string) *attacker {
	t.Helper()
	_, mine, theirs, err := configFor(dir, "bad", "mallory", "victim", io.Discard)
	must(t, err)
	hub, err := link.NewHub(link.Options{
		Key: mine, Peer: theirs.Public(), PeerName: "victim", Address: addr,
		RetryMin: time.Millisecond, RetryMax: 20 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
	})
	must(t, err)
	a := &attacker{
		t: t, dir: dir, hub: hub, endpoint: hub.Endpoint("bad"), node: link.NodeID(mine.Public()),
		epoch: index.Epoch(time.Now().Unix()) << 32,
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { hub.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return a
}

// session is one connection, with both hellos said.
type session struct {
	a      *attacker
	conn   link.Conn
	ctl    link.Stream
	theirs *wire.Hello
	pos    index.Seq // the last one told
	over   chan struct{}

	mu     sync.Mutex
	acked  index.Seq
	serve  func(w wire.Want, answer func(wire.Piece) error) error
	closed error
}

// dial returns a connection on which the victim has said hello and the
// attacker nothing.
func (a *attacker) dial() *session {
	a.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		var conn link.Conn
		select {
		case conn = <-a.endpoint.Conns():
		case <-time.After(patience):
			a.t.Fatal("cannot connect to the victim any more: ", a.endpoint.State().Error)
		}
		s := &session{a: a, conn: conn, over: make(chan struct{})}
		err := s.greeting()
		if err == nil {
			go s.hear()
			return s
		}
		conn.Close()
	}
	a.t.Fatal("the victim does not say hello any more")
	return nil
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
	return nil
}

// hello is what an honest peer would say that has nothing but knows all.
func (s *session) hello() *wire.Hello {
	if s.theirs.HeardEpoch == s.a.epoch {
		s.pos = s.theirs.Heard
	}
	return &wire.Hello{
		Protocol: 1, Oldest: 1, Version: "0", Share: "bad", NodeName: "mallory", Node: s.a.node,
		Epoch: s.a.epoch, Head: s.pos, Run: 1,
		HeardEpoch: s.theirs.Epoch, Heard: s.theirs.Head, HeardRun: s.theirs.Run,
		Conflict: s.theirs.Conflict, Deletes: s.theirs.Deletes, SpecialBits: s.theirs.SpecialBits,
		Clock: time.Now().UnixNano(),
	}
}

// connect makes a session as an honest peer would.
func (a *attacker) connect() *session {
	a.t.Helper()
	for {
		s := a.dial()
		must(a.t, wire.WriteMsg(s.ctl, s.hello()))
		// The victim has to change its index for an epoch that is new to it,
		// and then wants to hear another hello.
		if s.theirs.HeardEpoch == a.epoch || s.theirs.HeardEpoch == 0 {
			return s
		}
		s.waitOver()
	}
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
		if ack, ok := m.(*wire.Ack); ok {
			s.mu.Lock()
			s.acked = ack.Heard
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
		go func() {
			defer stream.Close()
			for {
				m, err := wire.ReadMsg(stream)
				if err != nil {
					return
				}
				s.mu.Lock()
				serve := s.serve
				s.mu.Unlock()
				for _, w := range m.(*wire.Fetch).Wants {
					answer := func(p wire.Piece) error {
						p.ID = w.ID
						return sendRaw(stream, wirepb.Kind_PIECE, &wirepb.Piece{
							Id: p.ID, Data: p.Data, Zstd: p.Zstd, Last: p.Last, Refusal: wirepb.Refusal(p.Refusal), Text: p.Text})
					}
					if serve == nil {
						err = answer(wire.Piece{Last: true, Refusal: wire.Gone, Text: "no"})
					} else {
						err = serve(w, answer)
					}
					if err != nil {
						return
					}
				}
			}
		}()
	}
}

func (s *session) serving(f func(w wire.Want, answer func(wire.Piece) error) error) {
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
		select {
		case <-s.over:
			s.a.t.Fatalf("the victim ended the session: %v, %v", s.closed, s.conn.Err())
		default:
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.acked >= s.pos
	})
}

func (s *session) close() {
	s.conn.Close()
	<-s.over
}

// next is the position of the next change.
func (s *session) next() index.Seq { s.pos++; return s.pos }

// tell sends changes in one message, or in several if they are many.
func (s *session) tell(changes ...*wirepb.Change) error {
	size := 0
	for i, c := range changes {
		if size += proto.Size(c) + 8; i > 0 && (size > wire.MaxFrame*3/4 || i == wire.MaxChanges) {
			err := sendRaw(s.ctl, wirepb.Kind_CHANGES, &wirepb.Changes{
				Changes: changes[:i], Through: changes[i-1].Pos, Head: uint64(s.pos), Run: 1})
			if err != nil {
				return err
			}
			return s.tell(changes[i:]...)
		}
	}
	return sendRaw(s.ctl, wirepb.Kind_CHANGES, &wirepb.Changes{
		Changes: changes, Through: uint64(s.pos), Head: uint64(s.pos), Run: 1})
}

// change makes the next change: the attacker's edit of a path.
func (s *session) change(path string, e index.Entry, content []byte) *wirepb.Change {
	pos := s.next()
	e.Version = e.Version.With(s.a.epoch, pos)
	if e.Origin == 0 {
		e.Origin = s.a.node
	}
	return &wirepb.Change{Pos: uint64(pos), Path: []byte(path), Entry: index.EntryToProto(&e), Content: content}
}

func (s *session) file(path, content string) *wirepb.Change {
	return s.change(path, fileOf(content), []byte(content))
}

func (s *session) dir(path string) *wirepb.Change {
	return s.change(path, index.Entry{Kind: index.Dir, Mode: 0o755}, nil)
}

func (s *session) link(path, target string) *wirepb.Change {
	return s.change(path, index.Entry{Kind: index.Symlink, Target: target, ModTime: 1}, nil)
}

func fileOf(content string) index.Entry {
	return index.Entry{
		Kind: index.File, Hash: scan.SumBytes([]byte(content)), Size: int64(len(content)), Mode: 0o644,
		ModTime: time.Now().UnixNano(),
	}
}

// knowing makes an entry one that has seen what the victim has at its path, so
// that it is no conflict.
func knowing(v *victim, path string, e index.Entry) index.Entry {
	if r := v.record(path); r != nil && r.Ours != nil {
		e.Version = r.Ours.Version
	}
	return e
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

// proves shows that the victim's share still works with a peer that behaves.
func (a *attacker) proves(v *victim) {
	a.t.Helper()
	s := a.connect()
	defer s.close()
	name := fmt.Sprintf("proof-%d", rand.Uint64())
	must(a.t, s.tell(s.file(name, name)))
	until(a.t, "the victim to take a file after an attack", func() bool { return v.read(name) == name })
	until(a.t, "the share to be well", func() bool { return v.bad.Status().Connected })
}

// fetch asks the victim for contents, and returns its answers.
func (s *session) fetch(wants ...wire.Want) (out []*wire.Piece) {
	s.a.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stream, err := s.conn.Open(ctx, "fetch")
	must(s.a.t, err)
	defer stream.Close()
	for i := range wants {
		wants[i].ID = uint64(i + 1)
	}
	must(s.a.t, wire.WriteMsg(stream, &wire.Fetch{Wants: wants}))
	for len(out) < len(wants) {
		m, err := wire.ReadMsg(stream)
		must(s.a.t, err)
		if p := m.(*wire.Piece); p.Last {
			out = append(out, p)
		}
	}
	return out
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

func (s *session) isOver() bool {
	select {
	case <-s.over:
		return true
	default:
		return false
	}
}
