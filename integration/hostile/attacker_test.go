package hostile

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"duet/replicate/link"
	"duet/replicate/report"
	"duet/replicate/wire"
	"duet/replicate/wire/wirepb"
	"duet/scan"
	"duet/store/index"
)

// attacker has the key that the victim trusts.
type attacker struct {
	t        testing.TB
	v        *victim
	endpoint *link.Endpoint
	node     index.NodeID
	epoch    index.Epoch

	last *session

	mu    sync.Mutex
	life  index.Epoch // of the victim's index, that what follows is of
	heard index.Seq
	run   uint64
	knows map[index.Path]*index.Entry
}

func newAttacker(v *victim) *attacker {
	v.t.Helper()
	hub, cfg := newHub(v, time.Millisecond)
	a := &attacker{
		t: v.t, v: v, endpoint: hub.Endpoint("bad"), node: cfg.Node,
		epoch: index.Epoch(time.Now().Unix()) << 32,
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { hub.Run(ctx) })
	v.t.Cleanup(func() { cancel(); running.Wait() })
	return a
}

// in makes t the test that fails.
func (a *attacker) in(t testing.TB) { a.t, a.v.t = t, t }

// dial returns a connection on which the victim has said hello and the
// attacker nothing.
func (a *attacker) dial() *session {
	a.t.Helper()
	a.redial()
	for end := time.Now().Add(2 * patience); time.Now().Before(end); {
		var conn link.Conn
		select {
		case conn = <-a.endpoint.Conns():
		case <-time.After(patience):
			a.t.Fatal("cannot connect to the victim any more: ", a.endpoint.State().Error)
		}
		s := &session{a: a, conn: conn, over: make(chan struct{})}
		err := s.greeting()
		if err == nil {
			a.last = s
			go s.hear()
			return s
		}
		conn.Close()
	}
	a.t.Fatal("the victim does not say hello any more")
	return nil
}

// redial ends the connection that there is, if a test has not, so that dial
// gets another.
func (a *attacker) redial() {
	if a.last != nil {
		a.last.close()
	}
}

// connect makes a session as an honest peer would, and hears all that the
// victim has to say.
func (a *attacker) connect() *session {
	a.t.Helper()
	for {
		s := a.dial()
		must(a.t, wire.WriteMsg(s.ctl, s.hello()))
		// The victim has to change its index for an epoch that is new to it,
		// and then wants to hear another hello.
		if s.theirs.HeardEpoch == a.epoch || s.theirs.HeardEpoch == 0 {
			until(a.t, "the victim to tell what it has", func() bool { return s.isOver() || a.heardAll(s.theirs) })
			if !s.isOver() {
				return s
			}
			a.t.Fatalf("the victim ended the session: %v, %v", s.closed, s.conn.Err())
		}
		s.waitOver()
		if s.theirs.HeardEpoch > a.epoch {
			a.epoch = s.theirs.HeardEpoch + 1 // epochs only grow
		}
	}
}

func (a *attacker) heardAll(theirs *wire.Hello) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.life == theirs.Epoch && a.heard >= theirs.Head
}

// meets begins to remember the life of the victim's index that its hello names.
func (a *attacker) meets(h *wire.Hello) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.life != h.Epoch {
		a.life, a.heard, a.run, a.knows = h.Epoch, 0, 0, make(map[index.Path]*index.Entry)
	}
}

func (a *attacker) hears(m *wire.Changes) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range m.Changes {
		if c.Agreed == 0 {
			a.knows[c.Path] = c.Entry
		}
	}
	a.heard, a.run = m.Through, m.Run
}

// told is how far the victim has told what it has.
func (a *attacker) told() index.Seq {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.heard
}

// of is what the victim has said of a path; nil for nothing.
func (a *attacker) of(path string) *index.Entry {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.knows[index.Path(path)]
}

// knowing makes an entry one that has seen what the victim has at its path, so
// that it is no conflict.
func (a *attacker) knowing(path string, e index.Entry) index.Entry {
	if theirs := a.of(path); theirs != nil {
		e.Version = theirs.Version
	}
	return e
}

// proves shows that the victim's share still works with a peer that behaves.
func (a *attacker) proves() {
	a.t.Helper()
	s := a.connect()
	defer s.close()
	name := fmt.Sprintf("proof-%d", rand.Uint64())
	must(a.t, s.tell(s.file(name, name)))
	until(a.t, "the victim to take a file after an attack", func() bool { return a.v.read(name) == name })
	until(a.t, "the share to be well", func() bool {
		st := a.v.status("bad")
		return st.Connected && st.State != report.Failed
	})
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

// gone is the delete of what the victim has at a path.
func (s *session) gone(path string) *wirepb.Change {
	return s.change(path, s.a.knowing(path, index.Entry{Kind: index.Gone}), nil)
}

func fileOf(content string) index.Entry {
	return index.Entry{
		Kind: index.File, Hash: scan.SumBytes([]byte(content)), Size: int64(len(content)), Mode: 0o644,
		ModTime: time.Now().UnixNano(),
	}
}
