package replicate

import (
	"errors"
	"time"

	"duet/replicate/book"
	"duet/replicate/rounds"
	"duet/replicate/stock"
	"duet/scan"
	"duet/store/index"
)

// errUnsettled is why nothing is said of a path for now. A replay comes within
// the minute, and then another scan.
var errUnsettled = errors.New("an interrupted install of it is not settled yet, and so nobody can tell whether it has been changed here: that is tried again")

// lane is the writer lane: the one place where the index and the tree are
// written, by one job at a time. A job runs in a goroutine of its own; what
// it returns runs in the loop.
type lane struct {
	busy    bool
	hearing bool            // just now it is written down what a peer said, maybe in the session before
	turn    int             // whose turn it is, so that none starves
	asked   []func() func() // what people and the session asked for
	records []findings      // at most maxRecords, plus what one examination found
	ready   []*rounds.Batch // staged
	soon    int             // batches that go ahead and are about to be
	gaveWay bool            // the last batch was one of them
}

// findings is what a scan or an examination saw, on its way into the index.
type findings struct {
	book.Findings
	problems []scan.Problem
	done     func(error) // called by the loop when it is committed; may be nil
}

// write starts the next job if the lane is free.
func (l *loop) write(now time.Time) {
	if l.lane.busy {
		return
	}
	job := l.nextJob(now)
	if job == nil {
		return
	}
	l.lane.busy = true
	l.start(func() func() {
		then := job()
		return func() {
			l.lane.busy = false
			if then != nil {
				then()
			}
		}
	})
}

// nextJob takes the kinds of work in turn.
func (l *loop) nextJob(now time.Time) func() func() {
	for range 4 {
		l.lane.turn++
		switch l.lane.turn % 4 {
		case 0:
			if n := len(l.lane.asked); n > 0 {
				job := l.lane.asked[0]
				l.lane.asked = l.lane.asked[1:]
				return job
			}
		case 1:
			if len(l.lane.records) > 0 {
				return l.recordJob(now)
			}
		case 2:
			if job := l.hearJob(now); job != nil {
				return job
			}
		case 3:
			if l.installable() {
				return l.installJob()
			}
		}
	}
	return nil
}

// ask queues a job of a person or a session.
func (l *loop) ask(job func() func()) { l.lane.asked = append(l.lane.asked, job) }

// recordJob commits all findings that wait, in one transaction.
func (l *loop) recordJob(now time.Time) func() func() {
	jobs := l.lane.records
	l.lane.records = nil
	apart, files := !l.together(), l.root.files
	var seen []book.Findings
	for _, j := range jobs {
		seen = append(seen, j.Findings)
	}
	return func() func() {
		out, err := l.s.book.Record(files, seen, l.s.now().UnixNano(), apart)
		return func() {
			if err != nil {
				l.indexFailed("record changes", err)
			} else {
				l.recorded(jobs, out, now)
			}
			for _, j := range jobs {
				if j.done != nil {
					j.done(err)
				}
			}
		}
	}
}

// recorded takes note of what was committed.
func (l *loop) recorded(jobs []findings, out book.Recorded, now time.Time) {
	for _, p := range out.Stale {
		l.notice.dirty.Mark(p, false, now)
	}
	for _, j := range jobs {
		for i := range j.Found {
			f := &j.Found[i]
			l.trouble.Clear(f.Path)
			if f.Entry != nil && l.talk.greeted && !out.Left[f.Path] {
				l.lags.Begin(f.Path, now)
			}
		}
		l.problems(j.problems, now)
	}
	for _, p := range out.Unsettled {
		l.trouble.Scan(scan.Problem{Path: p, Err: errUnsettled}, now)
	}
	for _, sn := range out.Snaps {
		l.notice.snaps[sn.Path] = sn.Hash
		if out.Left[sn.Path] {
			l.dropSnapshots([]index.Path{sn.Path}) // the peer does not want it
		}
	}
	if out.Deletes > 0 {
		l.notice.burst.Deleted(out.Through)
	}
	if out.Edits > 0 {
		l.handOn(jobs)
		l.rounds.Kick()
		l.talk.wake()
	}
}

// handOn hands the contents that were read to whoever tells the peer of them.
func (l *loop) handOn(jobs []findings) {
	if l.talk.sess == nil || !l.talk.greeted {
		return
	}
	var read []stock.Content
	for _, j := range jobs {
		for i := range j.Found {
			if f := &j.Found[i]; len(f.Content) > 0 && f.Entry != nil {
				read = append(read, stock.Content{Path: f.Path, Hash: f.Entry.Hash, Bytes: f.Content})
			}
		}
	}
	if len(read) > 0 {
		l.talk.sess.HaveRead(read)
	}
}

// problems takes note of paths that a scan could not look at.
func (l *loop) problems(ps []scan.Problem, now time.Time) {
	for _, p := range ps {
		if errors.Is(p.Err, scan.ErrBusy) {
			l.notice.dirty.Mark(p.Path, false, now) // somebody is writing it: no trouble, look again soon
			continue
		}
		l.trouble.Scan(p, now)
		if !p.Skipped {
			l.shown(p.Path, now)
		}
	}
}
