package replicate

import (
	"context"
	"errors"
	"fmt"

	"duet/recovery/compare"
	"duet/replicate/inquiry"
	"duet/replicate/link"
	"duet/replicate/talk"
	"duet/replicate/wire"
	"duet/store/index"
)

// maxAsked bounds the streams on which the peer asks about this node's index at
// a time. Each can keep a processor busy with reading it.
const maxAsked = 2

// ErrApart means that what needs both nodes cannot be done, because they are
// not connected.
var ErrApart = errors.New("is not connected")

// respond answers the peer's questions about this node's index.
func (l *loop) respond(sess *talk.Session, stream link.Stream) {
	l.s.post(func() {
		t := &l.talk
		busy := l.stopping || t.sess != sess || t.asked == maxAsked
		if !busy {
			t.asked++
		}
		l.start(func() func() {
			if busy {
				inquiry.Refuse(stream, fmt.Sprintf("%s is answering other questions about the index of share %q: try again when they are done", l.s.cfg.NodeName, l.s.cfg.Name))
				return nil
			}
			err := inquiry.Serve(sess.Ctx, stream, inquiry.Answers{Index: compare.Index{View: l.s.View}, Verify: l.s.verifyForPeer})
			return func() {
				if t.sess == sess {
					t.asked--
				}
				l.served(sess, "answer the peer's questions about the index", err)
			}
		})
	})
}

// asking is what a comparison needs of the session.
type asking struct {
	conn  link.Conn
	hello *wire.Hello // the peer's
}

// Compare compares this node's index with the peer's, now, and emits the
// differences in walk order. It may be called from any goroutine, which then
// does the work.
func (s *Share) Compare(ctx context.Context, o compare.Options, emit func(compare.Difference) error) (compare.Summary, error) {
	with, err := s.askPeer(ctx)
	if err != nil {
		return compare.Summary{}, err
	}
	owners := s.facts.SyncOwners && with.hello.SyncOwners
	ask, err := inquiry.Ask(ctx, with.conn.Open, owners)
	if err != nil {
		return compare.Summary{}, err
	}
	defer ask.Close()
	o.Ignored = func(d compare.Difference) bool {
		return s.book.Ignores(&index.Record{Path: d.Path, Ours: d.Ours, Theirs: d.Theirs})
	}
	sum, err := compare.Run(ctx, compare.Index{View: s.View, Owners: owners}, ask.Peer(), o, emit)
	if err != nil && ctx.Err() == nil {
		err = with.lost(err)
	}
	return sum, err
}

// askPeer finds the session that a question goes over.
func (s *Share) askPeer(ctx context.Context) (asking, error) { return fromLoop(ctx, s, (*loop).asking) }

// fromLoop is do for what has a result. If ctx ends before the loop gets to it,
// the result goes nowhere.
func fromLoop[T any](ctx context.Context, s *Share, f func(*loop) (T, error)) (result T, err error) {
	got := make(chan T, 1)
	err = s.do(ctx, func(l *loop, done chan<- error) {
		v, err := f(l)
		got <- v
		done <- err
	})
	if err == nil {
		result = <-got
	}
	return result, err
}

// lost says that the peer has gone, if that is why a question had no answer.
func (a asking) lost(err error) error {
	select {
	case <-a.conn.Done():
		return fmt.Errorf("%s %w any more: %w", a.hello.NodeName, ErrApart, err)
	default:
		return err
	}
}

// asking finds the session that a comparison goes over, or says why there is none.
func (l *loop) asking() (asking, error) {
	t, cfg := &l.talk, &l.s.cfg
	switch {
	case l.root.halt != "":
		return asking{}, fmt.Errorf("share %q is halted: %s", cfg.Name, l.root.reason)
	case t.sess == nil || !t.greeted:
		why := ""
		if t.why != "" {
			why = " (" + t.why + ")"
		}
		return asking{}, fmt.Errorf("share %q: %s %w%s: a comparison needs both nodes; see `duet status`", cfg.Name, cfg.PeerName, ErrApart, why)
	case t.theirs.Protocol < inquiry.Since:
		return asking{}, fmt.Errorf("%s runs duet %s, which cannot compare: upgrade duet there", cfg.PeerName, t.theirs.Version)
	}
	return asking{conn: t.sess.Conn, hello: t.theirs}, nil
}
