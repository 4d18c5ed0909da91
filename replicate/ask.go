package replicate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"duet/replicate/report"
	"duet/replicate/talk"
	"duet/replicate/wire"
	"duet/scan"
	"duet/store"
	"duet/store/index"
)

// ErrStopped means that the share is not running.
var ErrStopped = errors.New("the share is not running")

// ErrApart means that what needs both nodes cannot be done, because they are
// not connected.
var ErrApart = talk.ErrApart

// do runs f in the loop and waits for what it sends to done.
func (s *Share) do(ctx context.Context, f func(l *loop, done chan<- error)) error {
	done := make(chan error, 1)
	select {
	case s.mail <- func() { f(s.loop, done) }:
	case <-s.stopped:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-done:
		return err
	case <-s.stopped:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

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

// released lets a held session go on. by is the node on which somebody said so.
func (l *loop) released(by string) {
	if l.talk.held {
		l.log.Info("released", "peer", l.s.cfg.PeerName, "by", by)
		l.remember(func(m *store.Meta) { m.Connected = l.s.now().UnixNano() })
	}
	l.talk.held = false
	l.talk.stuck, l.talk.owes = wire.Stuck{}, true // on both nodes: what is still so is said again
	l.rounds.Kick()
}

// journal writes down a decision about the whole share. The share goes on if
// that fails: whatever the reason is will show elsewhere, too.
func (l *loop) journal(what index.What, how index.How, by index.NodeID, note string) {
	if l.s.st == nil {
		return
	}
	l.ask(func() func() {
		err := l.s.book.Journal(what, how, by, note)
		return func() {
			if err != nil {
				l.log.Warn("write to the journal", "what", what.String(), "error", err)
			}
			l.talk.wake()
		}
	})
}

// Pause stops writing to the tree until Resume, also across restarts. What
// happens here is still noticed and told.
func (s *Share) Pause(ctx context.Context) error { return s.setPaused(ctx, true) }

// Resume ends Pause.
func (s *Share) Resume(ctx context.Context) error { return s.setPaused(ctx, false) }

func (s *Share) setPaused(ctx context.Context, paused bool) error {
	return s.do(ctx, func(l *loop, done chan<- error) {
		if s.st == nil {
			done <- s.broken
			return
		}
		l.ask(func() func() {
			what := index.Resumed
			if paused {
				what = index.Paused
			}
			err := s.book.Order(what, "", func(m *store.Meta) { m.Paused = paused })
			return func() {
				if err == nil {
					l.published.paused = paused
					l.rounds.Kick()
					l.talk.wake() // there is a line in the journal
					l.publishNow(time.Now())
				}
				done <- err
			}
		})
	})
}

// AcceptRoot takes the directory that is now at the share's path as its root.
// What is missing in it then counts as deleted, so the next scan may wait for
// approval.
func (s *Share) AcceptRoot(ctx context.Context) error {
	return s.do(ctx, func(l *loop, done chan<- error) {
		if l.root.halt != report.RootReplaced {
			done <- fmt.Errorf("share %q is not halted on a replaced root, so there is nothing to accept: 'duet status' says how it is", s.cfg.Name)
			return
		}
		l.root.accept, l.root.next = true, time.Time{}
		done <- nil
	})
}

// Flush returns when both sides have everything that was there when it was
// called, or ctx ends.
func (s *Share) Flush(ctx context.Context) error {
	if err := s.noticed(ctx); err != nil {
		return err
	}
	return s.do(ctx, func(l *loop, done chan<- error) {
		l.waiters = append(l.waiters, waiter{done, ctx})
		l.published.due = time.Now()
	})
}

// noticed waits until what has happened in the tree so far is known: what a
// script has just written may not have been read from the kernel's queue yet.
func (s *Share) noticed(ctx context.Context) error {
	w, err := fromLoop(ctx, s, func(l *loop) (scan.Watcher, error) { return l.root.watcher, nil })
	if err != nil {
		return err
	}
	s.hasTold(ctx, w)
	select {
	case <-s.stopped:
		return ErrStopped
	default:
		return nil
	}
}

// Rescan starts a scan of the whole tree now.
func (s *Share) Rescan(ctx context.Context) error {
	return s.do(ctx, func(l *loop, done chan<- error) {
		l.notice.rescan = time.Now()
		done <- nil
	})
}

// mayChown reports whether this process may give files to other users.
func mayChown() bool { return os.Geteuid() == 0 }
