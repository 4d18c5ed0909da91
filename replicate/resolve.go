package replicate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"duet/replicate/ruling"
	"duet/replicate/transfer"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// away says for what the peer is needed.
func (s *Share) away(why string) error {
	return fmt.Errorf("%s, and %s %w: see `duet status`, and try again when it is back", why, s.cfg.PeerName, ErrApart)
}

// Resolve settles the conflicts that o selects, those that wait for a person
// and those that a rule has settled, path by path: ctx stops it between two
// chunks, and what was settled by then stays. If only the peer has some of the
// contents and it is not connected, nothing is done. progress, which may be nil,
// is told how many of how many paths are done.
func (s *Share) Resolve(ctx context.Context, o ruling.Order, progress func(done, total int)) (ruling.Result, error) {
	out := ruling.Result{Share: s.cfg.Name, DryRun: o.DryRun, Items: []ruling.Item{}}
	var paths []index.Path
	err := s.View(func(tx *store.Tx) (err error) {
		paths, err = ruling.Find(tx, o.Match)
		return err
	})
	if err != nil || len(paths) == 0 {
		return out, err
	}
	if err := s.mayResolve(ctx, &o, paths, &out); err != nil || o.DryRun {
		return out, err
	}
	err = s.keepingAll(ctx, func() error {
		total := len(paths)
		for len(paths) > 0 {
			err := s.chunk(ctx, &out, func(d *ruling.Desk, _ ruling.Peer) (errands []*ruling.Errand, work *ruling.Work, err error) {
				errands, n, err := d.Look(&o, paths)
				paths = paths[n:]
				return errands, d.Work(context.WithoutCancel(ctx), &o, errands, &out.Ruling), err
			})
			if progress != nil {
				progress(total-len(paths), total)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	out.Sort()
	return out, err
}

// mayResolve looks at all paths before anything is done: of a dry run, it says
// what would become of them.
func (s *Share) mayResolve(ctx context.Context, o *ruling.Order, paths []index.Path, out *ruling.Result) error {
	var d *ruling.Desk
	var fetch *transfer.Fetcher
	err := s.do(ctx, func(l *loop, done chan<- error) {
		var err error
		d, fetch, _, err = l.desk()
		done <- err
	})
	if err != nil {
		return err
	}
	var away int64
	for len(paths) > 0 {
		errands, n, err := d.Look(o, paths)
		if err != nil {
			return err
		}
		paths = paths[n:]
		for _, e := range errands {
			if e.Needs() && fetch == nil {
				away++
			}
			if o.DryRun {
				out.Add(d.Foretell(e))
			}
		}
	}
	if out.Away = away; away > 0 && !o.DryRun {
		return s.away(fmt.Sprintf("nothing was done: the content of %d of the paths is only on %s", away, s.cfg.PeerName))
	}
	return nil
}

// TakeBack takes a ruling back: each path that nobody has changed since becomes
// what it was before, and its conflicts are open again. 0 is the last ruling.
func (s *Share) TakeBack(ctx context.Context, id uint64, progress func(done, total int)) (ruling.Result, error) {
	out := ruling.Result{Share: s.cfg.Name, Items: []ruling.Item{}}
	var r *index.Ruling
	err := s.View(func(tx *store.Tx) (err error) {
		if id != 0 {
			r, err = tx.GetRuling(id)
			return err
		}
		for one, err := range tx.Rulings() {
			if err != nil {
				return err
			}
			r = &one
		}
		return nil
	})
	switch {
	case err != nil:
		return out, err
	case r == nil && id == 0:
		return out, errors.New("nothing is remembered that could be taken back")
	case r == nil:
		return out, fmt.Errorf("there is no ruling %d: see `duet conflicts undo --list`", id)
	}
	out.Ruling = r.ID
	err = s.keepingAll(ctx, func() error {
		done, total := 0, int(r.Paths)
		for at := index.Root; ; {
			more := false
			err := s.chunk(ctx, &out, func(d *ruling.Desk, peer ruling.Peer) ([]*ruling.Errand, *ruling.Work, error) {
				errands, last, err := d.LookBack(r.ID, at, peer)
				at, more = last, len(errands) > 0
				done += len(errands)
				return errands, d.WorkBack(context.WithoutCancel(ctx), r.ID, errands, peer), err
			})
			if progress != nil {
				progress(done, max(done, total))
			}
			if err != nil || !more {
				return err
			}
		}
	})
	out.Sort()
	return out, err
}

// Dispute is a conflict with the contents of its sides.
type Dispute struct {
	ruling.Case
	Contents [2][]byte // ours, theirs: of files
	Errs     [2]error
}

// Sides reads both sides of the conflict of a path, as far as they are files of
// no more than limit bytes: from here, or from the peer. It returns nil if
// nothing is open there.
func (s *Share) Sides(ctx context.Context, p index.Path, limit int64) (*Dispute, error) {
	var out *Dispute
	err := s.View(func(tx *store.Tx) error {
		c, err := ruling.CaseOf(tx, p, s.cfg.Node)
		if c != nil {
			out = &Dispute{Case: *c}
		}
		return err
	})
	if err != nil || out == nil {
		return nil, err
	}
	return out, s.do(context.WithoutCancel(ctx), func(l *loop, done chan<- error) {
		d, fetch, _, err := l.desk()
		if err != nil {
			done <- err
			return
		}
		until := l.root.ctx
		if fetch != nil {
			until = l.talk.sess.Ctx
		}
		l.start(func() func() {
			until, cancel := context.WithCancel(until)
			unhook := context.AfterFunc(ctx, cancel)
			for i, e := range []*index.Entry{out.Ours, out.Theirs} {
				if e.LiveKind() == index.File {
					out.Contents[i], out.Errs[i] = d.Content(until, fetch, p, e, limit)
				}
			}
			unhook()
			cancel()
			return func() { done <- nil }
		})
	})
}

// keepingAll runs f while nothing that is kept expires.
func (s *Share) keepingAll(ctx context.Context, f func() error) error {
	if err := s.do(ctx, func(l *loop, done chan<- error) { l.keeping.held++; done <- nil }); err != nil {
		return err
	}
	defer s.post(func() { s.loop.keeping.held-- })
	return f()
}

// chunk carries out one chunk of an order: look says which, in a goroutine of
// the share's; then the contents are brought, and the writer lane does the rest.
// A chunk that was begun is brought to its end whatever becomes of ctx, which
// only stops a transfer.
func (s *Share) chunk(ctx context.Context, out *ruling.Result, look func(*ruling.Desk, ruling.Peer) ([]*ruling.Errand, *ruling.Work, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.do(context.WithoutCancel(ctx), func(l *loop, done chan<- error) {
		d, fetch, peer, err := l.desk()
		if err != nil {
			done <- err
			return
		}
		root := l.root.ctx
		until := root
		if fetch != nil {
			until = l.talk.sess.Ctx
		}
		l.start(func() func() {
			errands, work, err := look(d, peer)
			if err == nil && len(errands) > 0 {
				bring, cancel := context.WithCancel(until)
				unhook := context.AfterFunc(ctx, cancel)
				d.Bring(bring, fetch, errands)
				unhook()
				cancel()
			}
			return func() {
				if err != nil || len(errands) == 0 {
					done <- err
					return
				}
				l.ask(func() func() { return l.carry(root, d, errands, work, out, done) })
			}
		})
	})
}

// carry is the writer lane's part of a chunk.
func (l *loop) carry(root context.Context, d *ruling.Desk, errands []*ruling.Errand, work *ruling.Work, out *ruling.Result, done chan<- error) func() {
	if root.Err() != nil {
		return func() { done <- l.s.rootless(l) }
	}
	err := l.s.rootGone(d.Files)
	if err == nil {
		err = work.Carry()
	}
	dropped := d.Drop(errands)
	return func() {
		l.carried(work, out)
		if err != nil && root.Err() == nil {
			// What is not settled now, a replay settles when the root is opened again.
			l.haltFor(fmt.Errorf("carry out an order: %w", err))
		}
		done <- errors.Join(err, dropped)
	}
}

// carried takes note of what became of a chunk.
func (l *loop) carried(work *ruling.Work, out *ruling.Result) {
	for _, it := range work.Items {
		out.Add(it)
	}
	now := time.Now()
	for p := range work.Look {
		l.notice.dirty.Mark(p, true, now)
	}
	l.rounds.Kick()
	l.talk.wake()
}

// desk is where orders are carried out now. fetch is nil while the peer cannot
// be asked for contents.
func (l *loop) desk() (d *ruling.Desk, fetch *transfer.Fetcher, peer ruling.Peer, err error) {
	s := l.s
	switch {
	case l.root.ctx == nil || l.root.files == nil:
		return nil, nil, peer, s.rootless(l)
	case !l.root.ready:
		return nil, nil, peer, fmt.Errorf("share %q is not scanned yet: try again when `duet status` says so", s.cfg.Name)
	}
	env := s.installEnv()
	env.Recheck = nil
	d = &ruling.Desk{
		Book: s.book, Files: l.root.files, Env: env, Self: s.cfg.NodeName, Peer: s.cfg.PeerName, Stage: s.orderStage,
	}
	peer = ruling.Peer{Connected: l.talk.greeted, Heard: l.talk.acked}
	if l.talk.greeted {
		fetch = l.talk.sess.Fetch
	} else {
		peer.Heard = l.published.meta.Acked
	}
	return d, fetch, peer, nil
}

// orderStage returns a name in the stage that was not used before.
func (s *Share) orderStage() vfs.Held {
	return vfs.Held{Area: vfs.Stage, Name: fmt.Sprintf("%x-order-%d.new", s.boot, s.orders.Add(1))}
}
