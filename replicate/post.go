package replicate

import (
	"context"
	"time"

	"duet/replicate/post"
)

// lend is the loop as those know it who work for it elsewhere.
func (l *loop) lend() *post.Loop {
	s := l.s
	return &post.Loop{
		Share: s.cfg.Name,
		Do: func(ctx context.Context, f func(done chan<- error)) error {
			return s.do(ctx, func(_ *loop, done chan<- error) { f(done) })
		},
		Start: l.start, Ask: l.ask, Now: l.now, Check: s.rootGone, Wrote: l.wrote, Halt: l.haltFor, Looks: l.notice.looks,
	}
}

// now is how the share is at the moment.
func (l *loop) now() post.Now {
	r, t := &l.root, &l.talk
	out := post.Now{
		Root: r.ctx, Files: r.files, Ready: r.ready, Paused: l.published.paused, Held: t.held,
		State: l.s.Status().State, Halted: r.halt != "", Reason: r.reason,
		Heard: l.published.meta.Acked, Apart: t.why,
	}
	if t.sess != nil && t.greeted {
		out.Talk, out.Conn, out.Hello, out.Fetch, out.Heard = t.sess.Ctx, t.sess.Conn, t.theirs, t.sess.Fetch, t.acked
	}
	return out
}

// wrote takes note of what an order has written into the index.
func (l *loop) wrote() {
	l.rounds.Kick()
	l.talk.wake()
	l.publishNow(time.Now()) // whoever asked looks at the status next
}
