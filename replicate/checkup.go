package replicate

import (
	"context"
	"fmt"

	"duet/recovery/compare"
	"duet/replicate/checkup"
	"duet/replicate/inquiry"
	"duet/replicate/link"
	"duet/replicate/talk"
)

// maxAsked bounds the streams on which the peer asks about this node's index at
// a time. Each can keep a processor busy with reading it.
const maxAsked = 2

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
			err := inquiry.Serve(sess.Ctx, stream, inquiry.Answers{Index: compare.Index{View: l.s.View}, Verify: l.checkup.ForPeer})
			return func() {
				if t.sess == sess {
					t.asked--
				}
				l.served(sess, "answer the peer's questions about the index", err)
			}
		})
	})
}

// Verify verifies this node's tree, the peer's if contents are to be read, and
// compares both indexes. That the peer cannot be reached is no error of Verify's.
func (s *Share) Verify(ctx context.Context, o checkup.Order, w checkup.Watch) (checkup.Result, error) {
	return s.loop.checkup.Verify(ctx, o, w)
}

// Compare compares this node's index with the peer's, now, and emits the
// differences in walk order.
func (s *Share) Compare(ctx context.Context, o compare.Options, emit func(compare.Difference) error) (compare.Summary, error) {
	return s.loop.checkup.Compare(ctx, o, emit)
}

// checkupOptions are what a checkup needs to know of the share.
func (l *loop) checkupOptions() checkup.Options {
	s, cfg := l.s, &l.s.cfg
	return checkup.Options{
		Node: cfg.NodeName, Peer: cfg.PeerName, Self: cfg.Node,
		Book: s.book, Facts: s.facts, Env: s.installEnv(), Owner: mayChown(), Names: s.boot,
		Every: cfg.VerifyEvery, Rate: cfg.VerifyRate, Settle: cfg.Settle,
		Clock: s.now, Log: l.log, Loop: l.lend(),
	}
}
