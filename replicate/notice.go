package replicate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"duet/replicate/book"
	"duet/replicate/looks"
	"duet/replicate/report"
	"duet/scan"
	"duet/store/index"
)

// notice is how a share learns what happens in its own tree.
type notice struct {
	dirty    *scan.DirtySet
	looks    *looks.Underway
	burst    looks.Burst
	marking  bool // the watcher is asked whether it has told everything
	limited  bool // the kernel's limit of watches was reached
	scanning bool
	first    bool // the scan under way is the first since the root was opened
	pass     *pass
	rescan   time.Time // when the next back-stop scan is due
	blind    string    // why there is no watcher; "" if there is one
	snaps    map[index.Path]index.Hash
}

// pass is the progress of a scan under way; its goroutine writes it.
type pass struct {
	began        time.Time
	known        int64 // paths in the index when it began
	paths, bytes atomic.Int64
}

// blindRescan is how often a tree without a watcher is scanned.
const blindRescan = time.Minute

// wake returns when there is something to look at next.
func (n *notice) wake() time.Time {
	next := n.rescan
	if n.looks.Full() {
		return next
	}
	if t, ok := n.looks.Next(); ok && (next.IsZero() || t.Before(next)) {
		next = t
	}
	return next
}

// scan starts a scan of the whole tree: at the start, and later as a back-stop
// against events that the kernel or the watcher lost.
func (l *loop) scan(now time.Time) {
	n := &l.notice
	if l.root.ctx == nil || n.scanning || l.root.emptied {
		return
	}
	n.first = !l.root.ready
	if !n.first && (n.rescan.IsZero() || now.Before(n.rescan)) {
		return
	}
	how := index.ByRescan
	if n.first {
		how = index.ByScan
	}
	counts, err := l.s.book.Counts()
	if err != nil {
		l.indexFailed("start a scan", err)
		return
	}
	if n.first && counts.Files+counts.Dirs+counts.Links > 0 && !l.root.acceptGap && looks.Emptied(l.root.files, l.s.rules) {
		l.root.emptied, l.root.next = true, now.Add(rootEvery)
		if !l.root.told {
			l.root.told = true
			l.journal(index.Withheld, index.ByScan, l.s.cfg.Node, fmt.Sprintf("the root is empty, and the index has %s: %s",
				report.Count(counts.Files+counts.Dirs+counts.Links, "path"), report.EmptiedID))
		}
		l.log.Error("root is empty but the index is not: nothing is deleted until a person approves",
			"root", l.s.cfg.Path, "files", counts.Files,
			"do", "mount or restore the tree, or, if all of it was meant to go: duet approve "+l.s.cfg.Name)
		return
	}
	n.scanning = true
	l.root.fresh = n.first && counts.Records == 0
	n.pass = &pass{began: now, known: counts.Records}
	l.trouble.ClearScan(index.Root)
	ctx, o := l.root.ctx, l.walkOptions(l.root.ctx, how)
	o.Apart = n.first && !l.root.fresh // hello is said when it has ended: see greet
	l.start(func() func() {
		sum, err := scan.Walk(ctx, o)
		return func() { l.scanned(sum, err, time.Now()) }
	})
}

// scanned takes note of the end of a scan.
func (l *loop) scanned(sum scan.Summary, err error, now time.Time) {
	n := &l.notice
	n.scanning = false
	took := now.Sub(n.pass.began)
	n.pass = nil
	n.rescan = now.Add(l.rescanAfter())
	if n.looks.Scanned(now) {
		n.rescan = now
	}
	if l.root.ctx == nil || l.root.ctx.Err() != nil {
		return
	}
	if err != nil {
		l.log.Error("scan failed", "error", err)
		n.rescan = now.Add(rootEvery)
		l.trouble.Fail(index.Root, fmt.Errorf("scan: %w", err), now)
		l.root.next = now
		return
	}
	l.trouble.Clear(index.Root)
	l.rounds.Kick()
	if l.root.ready {
		return
	}
	l.root.ready, l.root.fresh = true, false
	close(l.root.scanned)
	l.foundAll()
	l.root.acceptGap, l.root.told = false, false
	l.findOpen()
	l.log.Info("scanned", "files", sum.Files, "directories", sum.Dirs, "links", sum.Links,
		"changed", sum.Found, "deleted", sum.Deleted, "hashed_bytes", sum.Hashed, "took", took.Round(time.Millisecond))
}

// rescanAfter spreads back-stop scans, so that shares do not scan together.
func (l *loop) rescanAfter() time.Duration {
	d := l.s.cfg.Rescan
	if l.notice.blind != "" {
		d = blindRescan
	}
	if d < 0 {
		return 365 * 24 * time.Hour
	}
	return d*3/4 + time.Duration(l.s.doors.Random()%uint64(d/2+1))
}

// walkOptions are those of every look at the tree. What it finds goes through
// the mailbox to the writer lane; Emit returns when it is committed.
func (l *loop) walkOptions(ctx context.Context, how index.How) scan.WalkOptions {
	s, pass, files, began := l.s, l.notice.pass, l.root.files, l.s.book.Undone.Now()
	o := scan.WalkOptions{
		Files: files, Facts: s.facts, Lookup: s.book.Lookup, Get: s.book.Get,
		Under: index.Root, Hashers: s.cfg.Hashers, Nice: s.cfg.ScanNice, Clock: s.doors.Clock, Chunks: &s.chunks,
		Emit: func(found []scan.Finding, problems []scan.Problem) error {
			done := make(chan error, 1)
			safe := looks.Secure(files, found, problems)
			s.post(func() {
				if l.root.ctx != ctx { // the root was lost meanwhile
					done <- context.Canceled
					return
				}
				for _, p := range safe.Stale {
					l.notice.dirty.Mark(p, true, time.Now())
				}
				l.lane.records = append(l.lane.records,
					findings{book.Findings{Found: safe.Found, How: how, Began: began}, safe.Problems, func(err error) { done <- err }})
			})
			select {
			case err := <-done:
				return cmp.Or(err, ctx.Err())
			case <-ctx.Done():
				return ctx.Err()
			}
		},
	}
	if w := l.root.watcher; w != nil {
		o.Arm = func(dir index.Path) error {
			err := w.Arm(dir)
			if errors.Is(err, scan.ErrWatchLimit) {
				s.post(func() { l.watchLimit(err) })
				return nil // the tree is scanned more often instead
			}
			return err
		}
	}
	if pass != nil {
		o.Progress = func(paths, bytes int64) {
			pass.paths.Store(paths)
			pass.bytes.Store(bytes)
		}
	}
	return o
}

// examine looks at the paths that the watcher marked, once they have settled.
func (l *loop) examine(now time.Time) {
	n := &l.notice
	if l.root.ctx == nil || !l.root.ready && !l.root.fresh || n.looks.Full() {
		return
	}
	for p, subtree := range l.trouble.Due(now) {
		n.dirty.Mark(p, subtree, now)
	}
	serial, due := n.looks.Begin(n.scanning, now)
	if len(due) == 0 {
		return
	}
	l.trouble.Recheck(due, serial)
	ctx := l.root.ctx
	o := scan.ExamineOptions{
		WalkOptions: l.walkOptions(ctx, index.ByWatch),
		Settle:      l.s.cfg.Settle, MaxSettle: l.s.cfg.MaxSettle,
	}
	o.Progress = nil
	all := looks.Gather(o.Emit)
	o.Emit = all.Add
	l.start(func() func() {
		again, err := scan.Examine(ctx, o, due)
		if e := all.Flush(); err == nil {
			err = e
		}
		return func() { l.examined(serial, due, again, err, time.Now()) }
	})
}

// examined takes note of the end of an examination.
func (l *loop) examined(serial int, due, again []scan.Dirty, err error, now time.Time) {
	n := &l.notice
	n.looks.End(serial)
	if l.root.ctx == nil || l.root.ctx.Err() != nil {
		return
	}
	if err != nil {
		l.log.Error("look at changed paths", "error", err)
		l.root.next = now
		for i := range due {
			due[i].After = now.Add(time.Second)
		}
		n.dirty.Put(due...)
		return
	}
	n.dirty.Put(again...)
	l.trouble.WellAgain(serial)
	l.rounds.Kick()
}

// watchLimit notes that some directories cannot be watched.
func (l *loop) watchLimit(err error) {
	n := &l.notice
	if n.limited {
		return
	}
	n.limited, n.blind = true, err.Error()
	n.rescan = time.Now().Add(blindRescan)
	l.log.Warn("not every directory can be watched: the tree is also scanned every minute", "error", err)
}

// happened marks what the watcher reported. Events are never acted on as such:
// they say where to look.
func (l *loop) happened(evs []scan.Event, now time.Time) {
	if l.root.ctx == nil || l.root.ctx.Err() != nil {
		return
	}
	for _, ev := range evs {
		if ev.Mark != nil {
			close(ev.Mark)
			continue
		}
		l.notice.burst.Stir(now)
		l.notice.looks.Stir(now)
		switch {
		case ev.Overflow:
			l.overflow(now)
		case ev.Path == index.Root:
			l.root.next = now
			if ev.Recursive {
				l.notice.dirty.Mark(ev.Path, true, now)
			}
		default:
			l.notice.dirty.Mark(ev.Path, ev.Recursive, now)
			if ev.From != index.Root {
				l.notice.dirty.Mark(ev.From, false, now)
			}
		}
	}
}

// overflow marks every top-level subtree: the kernel dropped events and does
// not say which. While stamps are unchanged that costs one lstat a path, and
// the loop takes the subtrees in turn.
func (l *loop) overflow(now time.Time) {
	l.log.Warn("the kernel's queue of file events overflowed: looking at everything again",
		"do", "if this comes often, raise fs.inotify.max_queued_events")
	tops, all, err := looks.Tops(l.root.files, l.s.st)
	if err != nil {
		l.log.Error("list the top of the tree", "error", err)
		l.notice.rescan = now
		return
	}
	if !all {
		l.notice.rescan = now
	}
	for p := range tops {
		l.notice.dirty.Mark(p, true, now)
	}
}
