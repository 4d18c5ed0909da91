package replicate_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"duet/replicate/link"
	"duet/replicate/link/linktest"
	"duet/replicate/report"
	"duet/replicate/transfer"
	"duet/replicate/transfer/transfertest"
	"duet/replicate/wire"
	"duet/scan"
	"duet/store"
	"duet/store/index"
)

// puppet is node b of a pair, with the right key, that says whatever a test
// wants it to say.
type puppet struct {
	t      *testing.T
	conn   link.Conn
	stream link.Stream
	hello  *wire.Hello   // a's
	said   chan wire.Msg // by a since then; closed when a hangs up
}

const puppetEpoch index.Epoch = 77

// puppetOf starts a alone and lets a puppet talk to it, with a hello that
// change may spoil.
func (p *pair) puppetOf(change func(*wire.Hello)) *puppet {
	p.t.Helper()
	p.a.start()
	return p.puppetAgain(change)
}

// puppetAgain is puppetOf when a runs.
func (p *pair) puppetAgain(change func(*wire.Hello)) *puppet {
	t := p.t.(*testing.T)
	t.Helper()
	here, there := linktest.Pipe()
	p.a.conns <- there
	t.Cleanup(func() { here.Close() })
	m := &wire.Hello{
		Protocol: 1, Oldest: 1, Version: "puppet", Share: "s", NodeName: "b", Node: nodeID(2),
		Epoch: puppetEpoch, Head: 1000, Run: 1, Conflict: "newer", Deletes: "track", Clock: time.Now().UnixNano(), Records: 1,
	}
	if change != nil {
		change(m)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stream, err := here.Open(ctx, "control")
	if err != nil {
		t.Fatal(err)
	}
	pp := &puppet{t: t, conn: here, stream: stream, said: make(chan wire.Msg, 1000)}
	pp.say(m)
	theirs, err := wire.ReadMsg(stream)
	if err != nil {
		t.Fatal(err)
	}
	pp.hello = theirs.(*wire.Hello)
	go func() {
		defer close(pp.said)
		for {
			m, err := wire.ReadMsg(stream)
			if err != nil {
				return
			}
			pp.said <- m
		}
	}()
	return pp
}

func (pp *puppet) say(msgs ...wire.Msg) {
	pp.t.Helper()
	for _, m := range msgs {
		if err := wire.WriteMsg(pp.stream, m); err != nil {
			pp.t.Fatal(err)
		}
	}
}

// breathe says several things in one breath. The other may hang up before it has
// heard it all.
func (pp *puppet) breathe(msgs ...wire.Msg) {
	pp.t.Helper()
	var b bytes.Buffer
	for _, m := range msgs {
		if err := wire.WriteMsg(&b, m); err != nil {
			pp.t.Fatal(err)
		}
	}
	_, _ = pp.stream.Write(b.Bytes())
}

// changes is a message of changes, up to the last of them.
func changes(cs ...wire.Change) *wire.Changes {
	last := cs[len(cs)-1].Pos
	return &wire.Changes{Changes: cs, Through: last, Head: max(last, 1000), Run: 1}
}

// fileAt is a file that the puppet made at a position of its journal.
func fileAt(pos index.Seq, p index.Path, content string) wire.Change {
	return wire.Change{Pos: pos, Path: p, Entry: &index.Entry{
		Kind: index.File, Hash: scan.SumBytes([]byte(content)), Size: int64(len(content)), ModTime: 1e18, Mode: 0o644,
		Version: index.Version{{Epoch: puppetEpoch, Seq: pos}}, Origin: nodeID(2),
	}, Content: []byte(content)}
}

// hears waits until a has said something that ok likes.
func (pp *puppet) hears(what string, ok func(wire.Msg) bool) {
	pp.t.Helper()
	late := time.After(patience)
	for {
		select {
		case m, open := <-pp.said:
			if !open {
				pp.t.Fatalf("a hung up before it said %s", what)
			}
			if ok(m) {
				return
			}
		case <-late:
			pp.t.Fatalf("a never said %s", what)
		}
	}
}

// hungUp waits until a has closed the connection.
func (pp *puppet) hungUp(when string) {
	pp.t.Helper()
	late := time.After(patience)
	for {
		select {
		case _, open := <-pp.said:
			if !open {
				return
			}
		case <-late:
			pp.t.Fatalf("a does not hang up %s", when)
		}
	}
}

// change waits until a announces a change that ok likes.
func (pp *puppet) change(what string, ok func(wire.Change) bool) (found wire.Change) {
	pp.t.Helper()
	pp.hears(what, func(m wire.Msg) bool {
		cs, _ := m.(*wire.Changes)
		for i := 0; cs != nil && i < len(cs.Changes); i++ {
			if ok(cs.Changes[i]) {
				found = cs.Changes[i]
				return true
			}
		}
		return false
	})
	return found
}

// serve answers a's requests for contents.
func (pp *puppet) serve(contents map[index.Path]string) {
	pp.answer(func(w wire.Want) *wire.Piece {
		return &wire.Piece{Data: []byte(contents[w.Path]), Last: true}
	})
}

// answer has each of a's requests for contents answered with one piece.
func (pp *puppet) answer(with func(wire.Want) *wire.Piece) {
	go linktest.Serve(pp.conn, func(s link.Stream) {
		transfertest.Wants(s, func(w wire.Want) error {
			piece := with(w)
			piece.ID = w.ID
			return wire.WriteMsg(s, piece)
		})
	})
}

// fetch asks a for one content, and returns the first piece of the answer.
func (pp *puppet) fetch(w wire.Want) *wire.Piece {
	pp.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := pp.conn.Open(ctx, transfer.StreamKind)
	if err != nil {
		pp.t.Fatal(err)
	}
	defer s.Close()
	w.ID = 1
	if err := wire.WriteMsg(s, &wire.Fetch{Wants: []wire.Want{w}}); err != nil {
		pp.t.Fatal(err)
	}
	m, err := wire.ReadMsg(s)
	if err != nil {
		pp.t.Fatal(err)
	}
	return m.(*wire.Piece)
}

// record reads one record of the index.
func (n *node) record(p index.Path) (r *index.Record) {
	n.t.Helper()
	n.view(func(tx *store.Tx) (err error) {
		r, err = tx.Get(p)
		return err
	})
	return r
}

func (n *node) meta() (m store.Meta) {
	n.t.Helper()
	n.view(func(tx *store.Tx) (err error) {
		m, err = tx.Meta()
		return err
	})
	return m
}

func (n *node) view(f func(*store.Tx) error) {
	n.t.Helper()
	if err := n.share.View(f); err != nil {
		n.t.Fatal(err)
	}
}

func connected(st report.Status) bool { return st.Connected }
