package replicate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"

	"duet/recovery"
	"duet/replicate/book"
	"duet/replicate/link"
	"duet/replicate/report"
	"duet/replicate/ruling"
	"duet/replicate/trouble"
	"duet/scan"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// opened is what opening the root brought.
type opened struct {
	files   vfs.Files
	watcher scan.Watcher
	blind   error // why there is no watcher
	report  recovery.Report
	leaves  book.Leaves // what was said of deletes
	err     error
}

// openRoot opens the share's directory, settles what a crash left, and starts
// the watcher. After a halt it looks from time to time whether the root is
// back; only the same directory is.
func (l *loop) openRoot(now time.Time) {
	r := &l.root
	if r.emptied && !now.Before(r.next) {
		r.emptied = false // look again: somebody may have mounted the tree
	}
	if r.ctx != nil || r.opening || l.running > 0 {
		return
	}
	l.closeFiles() // of the life before: nobody uses them now
	if now.Before(r.next) || r.final {
		return
	}
	r.opening = true
	accept := r.accept
	ctx := l.ctx
	l.start(func() func() {
		o := l.s.open(ctx, accept)
		return func() { l.rootOpened(o, time.Now()) }
	})
}

// open is openRoot's slow part.
func (s *Share) open(ctx context.Context, accept bool) opened {
	files, err := s.doors.Files()
	if err != nil {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			err = fmt.Errorf("%s: %w: bring it back (is its disk mounted?); nothing is deleted at the peer", s.cfg.Path, recovery.ErrRootMissing)
		case errors.Is(err, syscall.ENOTDIR):
			err = fmt.Errorf("%s: %w: what is there is no directory; bring the old one back; nothing is deleted at the peer", s.cfg.Path, recovery.ErrRootReplaced)
		}
		return opened{err: err}
	}
	o := opened{files: files}
	var clean bool
	if clean, o.err = s.endedWell(); o.err != nil {
		return o
	}
	if o.err = s.identify(files, accept); o.err != nil {
		return o
	}
	if o.err = s.book.RecallRules(); o.err != nil {
		return o
	}
	if o.report, o.err = recovery.Replay(ctx, s.st, files, s.landingEnv()); o.err != nil {
		return o
	}
	if !clean {
		if o.err = ruling.StrikeUndone(s.st); o.err != nil {
			return o
		}
	}
	if o.err = s.book.ResettleAll(ctx); o.err != nil {
		return o
	}
	if o.leaves, o.err = s.book.Leaves(); o.err != nil {
		return o
	}
	o.watcher, o.blind = s.doors.Watch(s.rules)
	return o
}

// endedWell reports whether the last run has brought all to an end.
func (s *Share) endedWell() (clean bool, err error) {
	err = s.st.View(func(tx *store.Tx) error {
		m, err := tx.Meta()
		clean = m.Clean
		return err
	})
	return clean, err
}

// identify compares the root with the one that the index is of, and remembers
// it if the index is new or a person accepts the change.
func (s *Share) identify(files vfs.Files, accept bool) error {
	return s.st.Update(func(tx *store.Tx) error {
		m, err := tx.Meta()
		if err != nil {
			return err
		}
		if m.Root == (index.Identity{}) || accept {
			m.Root = files.Opened()
		} else if err := s.checkRoot(m, files); err != nil {
			return err
		}
		m.Clean = false // from here on, until close
		if err := tx.PutMeta(m); err != nil || !accept {
			return err
		}
		_, err = tx.Note(index.Event{What: index.Accepted, How: index.ByUser, Node: s.cfg.Node, Time: s.now().UnixNano(), Note: s.cfg.Path})
		return err
	})
}

// rootOpened takes note of what open brought.
func (l *loop) rootOpened(o opened, now time.Time) {
	r := &l.root
	r.opening = false
	if o.err != nil || l.stopping {
		if o.files != nil {
			o.files.Close()
		}
		if o.watcher != nil {
			o.watcher.Close()
		}
		if o.err != nil {
			l.haltFor(o.err)
		}
		return
	}
	if r.halt != "" {
		l.log.Info("root is back", "root", l.s.cfg.Path)
	}
	r.halt, r.reason, r.accept = "", "", false
	r.ctx, r.cancel = context.WithCancel(l.ctx)
	r.files, r.watcher, r.ready, r.fresh, r.scanned = o.files, o.watcher, false, false, make(chan struct{})
	r.next = now.Add(rootEvery)
	l.notice.blind, l.notice.limited = "", false
	l.rounds.Reset()
	l.rounds.Said(o.leaves)
	clear(l.open)
	l.lane.ready = nil
	if o.report.Intents > 0 || o.report.Found > 0 {
		l.log.Info("settled what a crash left", "interrupted", o.report.Intents, "finished", o.report.Finished, "found", o.report.Found)
	}
	l.unsettled(o.report.Problems, now)
	if o.blind != nil {
		l.notice.blind = o.blind.Error()
		l.log.Warn("no file events: the tree is scanned every minute instead", "error", o.blind)
		return
	}
	l.watch(o.watcher)
}

// unsettled takes note of what a replay could not settle. Nothing is installed
// at those paths before another replay has; the others go on.
func (l *loop) unsettled(problems []error, now time.Time) {
	r := &l.root
	if len(problems) == 0 {
		r.unsettled, r.again = 0, time.Time{}
		return
	}
	r.unsettled++
	r.again = now.Add(max(rootEvery, trouble.Backoff(r.unsettled)))
	for _, err := range problems {
		l.log.Warn("settle what a crash left", "error", err, "next", r.again)
	}
}

// checkRoot halts the share when its root is not there any more, and opens it
// again when a replay has to be repeated.
func (l *loop) checkRoot(now time.Time) {
	r := &l.root
	if r.ctx != nil && !r.again.IsZero() && !now.Before(r.again) {
		r.again, r.next = time.Time{}, now
		l.hangup(ending{index.EndedHalted, link.Anew, "an interrupted install has to be settled on " + l.s.cfg.NodeName})
		l.leave()
	}
	if r.ctx == nil || now.Before(r.next) {
		return
	}
	r.next = now.Add(link.NextBeat(now, rootEvery))
	if err := l.rootGone(); err != nil {
		l.haltFor(err)
	}
}

// rootGone says why the tree must not be written or believed; nil if it may.
func (l *loop) rootGone() error { return l.s.rootGone(l.root.files) }

func (s *Share) rootGone(files vfs.Files) error {
	return s.checkRoot(store.Meta{Share: s.cfg.Name, Root: files.Opened()}, files)
}

// checkRoot is recovery.CheckRoot, with the root's name in the error.
func (s *Share) checkRoot(m store.Meta, files vfs.Files) error {
	if err := recovery.CheckRoot(m, files); err != nil {
		return fmt.Errorf("%s: %w", s.cfg.Path, err)
	}
	return nil
}

// haltFor halts the share for a reason that the error tells.
func (l *loop) haltFor(err error) {
	switch {
	case errors.Is(err, recovery.ErrRootMissing):
		l.halt(report.RootMissing, err.Error())
	case errors.Is(err, recovery.ErrRootReplaced):
		l.halt(report.RootReplaced, err.Error())
	case errors.Is(err, store.ErrCorrupt):
		l.root.final = true
		l.halt(report.IndexError, err.Error())
	default: // an error of the moment, as a full disk
		l.halt(report.Failed, trouble.Advise(err)+"; tried again every few seconds")
	}
}

// halt stops all work on the share. The peer is told; other shares go on.
func (l *loop) halt(state report.State, reason string) {
	if l.root.halt != state {
		l.log.Error("share halted", "state", string(state), "reason", reason)
		if state != report.IndexError {
			l.journal(index.Halted, index.ByRule, l.s.cfg.Node, string(state)+": "+reason)
		}
	}
	l.root.halt, l.root.reason = state, reason
	l.root.next = time.Now().Add(rootEvery)
	l.hangup(ending{index.EndedHalted, link.Halts, "share halted on " + l.s.cfg.NodeName + ": " + reason})
	l.leave()
}

// leave lets the root go. Its goroutines end by themselves; openRoot waits for
// them.
func (l *loop) leave() {
	if l.root.cancel != nil {
		l.root.cancel()
	}
	l.root.ctx, l.root.cancel, l.root.ready, l.root.fresh = nil, nil, false, false
	for _, j := range l.lane.records {
		if j.done != nil {
			j.done(context.Canceled)
		}
	}
	l.lane.records = nil
}

// closeFiles closes the root and its watcher once nobody uses them.
func (l *loop) closeFiles() {
	files, watcher := l.root.files, l.root.watcher
	l.root.files, l.root.watcher, l.root.ready = nil, nil, false
	if watcher != nil {
		watcher.Close()
	}
	if files != nil {
		files.Close()
	}
}

// indexFailed halts the share: without its index it knows nothing. A damaged
// index is for a person to look at; after anything else the share tries again,
// and begins with a replay.
func (l *loop) indexFailed(doing string, err error) {
	l.haltFor(fmt.Errorf("%s: %w", doing, err))
}
