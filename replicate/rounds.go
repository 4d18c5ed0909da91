package replicate

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"duet/replicate/install"
	"duet/replicate/rounds"
	"duet/store/index"
)

var (
	errBusy  = errors.New("a process has it open for writing: it is replaced when that is done")
	errRaced = errors.New("it has just been changed here: that is looked at first")
)

// mayAct reports whether this node may change its tree now.
func (l *loop) mayAct() bool {
	return l.root.ctx != nil && l.root.ready && l.talk.greeted && !l.talk.held && !l.published.paused
}

// choose starts batches while there is something to do and room to do it.
func (l *loop) choose(now time.Time) {
	r := l.rounds
	r.Wake(now)
	if l.retry(now) {
		r.Kick()
	}
	if l.mayAct() {
		b, err := r.Ahead(l.moment(now))
		if err != nil {
			l.haltFor(err)
			return
		}
		if b != nil {
			l.launch(b)
		}
	}
	for l.mayAct() && r.More() {
		b, idle, err := r.Next(l.moment(now))
		switch {
		case err != nil:
			l.haltFor(err)
			return
		case b != nil:
			l.launch(b)
		case idle:
			l.shutAll()
		case r.Paused():
			l.yield()
			return
		}
	}
}

// yield lets others have their turn before the loop goes on with what is to do: a
// full mailbox brings that about by itself.
func (l *loop) yield() {
	select {
	case l.s.mail <- func() {}:
	default:
	}
}

// moment is what the rounds have to know of the share as it is now.
func (l *loop) moment(now time.Time) rounds.Moment {
	return rounds.Moment{Now: now, Drained: l.drained(), Scanning: l.notice.scanning, Told: l.talk.acked, Heard: l.talk.heard, Whole: l.talk.theirWhole}
}

// retry reports whether the back-off of an install is over, and forgets those
// that have become pointless.
func (l *loop) retry(now time.Time) bool {
	if !l.mayAct() {
		return false
	}
	again := l.trouble.CrowdDue(now)
	for _, p := range l.trouble.DueInstalls(now) {
		r, err := l.s.book.Get(p)
		if err == nil && (r == nil || r.Next != index.Take) {
			l.trouble.Clear(p)
			continue
		}
		again = true
	}
	return again
}

// launch stages a batch and then queues it for the writer lane.
func (l *loop) launch(b *rounds.Batch) {
	l.rounds.Launch(b, l.root.files, time.Now())
	if !b.Waits() {
		l.staged(b)
		return
	}
	ctx, fetcher := l.talk.sess.Ctx, l.talk.sess.Fetch
	soon := b.Ahead && b.Local()
	if soon {
		l.lane.soon++
	}
	l.start(func() func() {
		b.Stage(ctx, fetcher)
		return func() {
			if soon {
				l.lane.soon--
			}
			l.staged(b)
		}
	})
}

// staged queues a batch for the writer lane.
func (l *loop) staged(b *rounds.Batch) {
	l.rounds.Ready(b, time.Now())
	at := len(l.lane.ready)
	if b.Ahead {
		at = 0
	}
	l.lane.ready = slices.Insert(l.lane.ready, at, b)
}

// installable reports whether the writer lane has a batch to install now. What goes
// ahead and is about to be staged is waited for, but only once before each batch that
// does not: a batch takes much longer than that.
func (l *loop) installable() bool {
	if len(l.lane.ready) == 0 || l.stopping {
		return false
	}
	return l.lane.ready[0].Ahead || l.lane.soon == 0 || l.lane.gaveWay
}

// installJob is the writer lane's part of a batch.
func (l *loop) installJob() func() func() {
	b := l.lane.ready[0]
	l.lane.ready = l.lane.ready[1:]
	l.lane.gaveWay = b.Ahead
	s := l.s
	env := s.installEnv()
	ctx, hold := l.ctx, l.talk.held
	gone := l.root.ctx == nil
	l.notice.looks.Installing(b.Paths())
	return func() func() {
		if gone {
			return func() { l.landed(b, nil, nil) }
		}
		if err := s.rootGone(b.Files); err != nil {
			return func() {
				l.landed(b, nil, nil)
				l.haltFor(err)
			}
		}
		if err := s.book.Settle(b.Settle, hold); err != nil {
			return func() { l.landed(b, nil, err) }
		}
		jobs := b.Staged()
		out, err := install.Batch(ctx, s.st, b.Files, env, jobs)
		if err == nil {
			b.Unstage(jobs, out)
		}
		return func() { l.landed(b, out, err) }
	}
}

// landed takes note of what became of a batch.
func (l *loop) landed(b *rounds.Batch, out []install.Outcome, err error) {
	now := time.Now()
	l.notice.looks.Installed()
	l.rounds.Landed(b, now)
	if l.stopping {
		return // what is not settled, the replay at the next start settles
	}
	if err != nil {
		// What is not settled now, a replay settles when the root is opened again.
		l.haltFor(fmt.Errorf("install: %w", err))
		return
	}
	for p, err := range b.Failed {
		if errors.Is(err, install.ErrContent) {
			l.notice.dirty.Mark(b.Sources[p], false, now)
		}
		if !errors.Is(err, rounds.ErrParted) && !l.rounds.Outrun(b, p, err) {
			l.fails(p, err, now)
		}
	}
	for i := range out {
		l.outcome(b, &out[i], now)
	}
	if b.Removes() { // that counts for max_delete, and the peer's plans tell of it
		l.talk.owes = true
		l.sayAck()
	}
	if n := len(out) + len(b.Settle); n > 0 {
		l.talk.wake()
	}
}

// outcome takes note of what became of one path.
func (l *loop) outcome(b *rounds.Batch, o *install.Outcome, now time.Time) {
	switch {
	case o.Done:
		l.trouble.Clear(o.Path)
		if unprivileged {
			if e := b.Entry(o.Path); e.Kind == index.Dir && e.Mode&ownerBits != ownerBits {
				l.open[o.Path] = true
			}
		}
		l.rounds.Done(b, o, now)
		if l.s.cfg.Verbose {
			l.log.Info("installed", "path", o.Path.String(), "from", o.From.String(), "kept", o.Kept)
		}
	case o.Busy:
		l.trouble.Fail(o.Path, errBusy, now)
	case o.Apart:
		l.rounds.Apart(o.Path, now)
	case o.Err != nil:
		l.fails(o.Path, o.Err, now)
		l.stuck(o, now)
	case o.Raced:
		// Nothing can be done before somebody has looked at it: without a wait,
		// each try would put off that look again.
		l.trouble.Fail(o.Path, errRaced, now)
	}
	if o.Raced || o.Busy {
		l.notice.dirty.Mark(o.Path, true, now)
		if o.From != "" {
			l.notice.dirty.Mark(o.From, true, now)
		}
	}
}

// revive keeps a directory alive because something in it is to stay.
func (l *loop) revive(p index.Path) {
	if !l.rounds.Hold(p) {
		return
	}
	l.ask(func() func() {
		err := l.s.book.Revive(p)
		return func() {
			l.rounds.Free(p)
			if err != nil {
				l.indexFailed("keep a directory alive", err)
			}
			l.talk.wake()
		}
	})
}

// stuck decides what follows from an error of one path.
func (l *loop) stuck(o *install.Outcome, now time.Time) {
	if !errors.Is(o.Err, install.ErrLive) {
		return
	}
	// Something is in the directory that the index does not know: a new file
	// not looked at yet, or one that is ignored. A look tells; if it is still
	// in the way after that, the directory stays, on both sides.
	if tries, _ := l.trouble.Failed(o.Path); tries >= 3 {
		l.trouble.Clear(o.Path)
		l.revive(o.Path)
		return
	}
	l.notice.dirty.Mark(o.Path, true, now)
}
