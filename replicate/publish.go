package replicate

import (
	"fmt"
	"time"

	"duet/replicate/gauge"
	"duet/replicate/report"
	"duet/store"
)

// published is what the share says of itself, and when it says it again.
type published struct {
	due    time.Time // something may have changed; zero if not
	last   time.Time
	state  report.State
	since  time.Time
	counts store.Counts
	meta   store.Meta
	head   uint64
	paused bool
	rate   gauge.Rate
	crash  *report.Outage // with which the run before ended; nil if it did not
}

// publishEvery bounds how often a status is made.
const publishEvery = 20 * time.Millisecond

// publish makes a new status if the last is old enough; else it sees to it
// that one is made soon.
func (l *loop) publish(now time.Time) {
	l.sayAck()
	p := &l.published
	if next := p.last.Add(publishEvery); now.Before(next) {
		p.due = next
		return
	}
	l.publishNow(now)
}

func (l *loop) publishNow(now time.Time) {
	p := &l.published
	p.last, p.due = now, time.Time{}
	if l.s.st != nil {
		err := l.s.st.View(func(tx *store.Tx) (err error) {
			if p.counts, err = tx.Counts(); err != nil {
				return err
			}
			p.meta, err = tx.Meta()
			p.head = uint64(tx.Head())
			return err
		})
		if err != nil && l.root.halt != report.IndexError {
			l.indexFailed("count the index", err)
		}
	}
	st := l.describe(now)
	l.sayStuck(st.Stuck)
	if st.State != p.state {
		l.log.Log(l.ctx, levelOf(p.state, st.State), "state", "is", string(st.State), "was", string(p.state))
		p.state, p.since = st.State, now
	}
	l.s.status.Store(&st)
	if busy := st.Progress != nil; busy {
		p.due = now.Add(250 * time.Millisecond)
	} else if l.checkup.Running() {
		p.due = now.Add(time.Second)
	}
	l.answer(st, now)
}

// describe makes the status.
func (l *loop) describe(now time.Time) report.Status {
	p, t, c := &l.published, &l.talk, l.published.counts
	st := report.Status{
		Name: l.s.cfg.Name, Root: l.s.cfg.Path,
		Connected: t.greeted, Since: t.since, LastError: t.why, ClockSkewMS: t.skew.Milliseconds(),
		Files: c.Files, Dirs: c.Dirs, Links: c.Links, Bytes: c.Bytes,
		Epoch: p.meta.Epoch.String(), Head: p.head, Heard: uint64(p.meta.Heard), Acked: uint64(t.acked),
		PendingIn: c.Take, PendingOut: c.Wait, Dirty: int64(l.notice.dirty.Len()),
		Conflicts: c.Conflicts + c.Held, Held: c.Held, Ignored: c.Left, Kept: c.Kept, KeptBytes: c.KeptBytes,
		Waiting: l.rounds.Waiting(), Space: l.keeper.Short(),
	}
	if !t.greeted {
		st.Acked = uint64(p.meta.Acked)
	}
	if t.greeted && t.head > p.meta.Heard {
		st.Behind = uint64(t.head - p.meta.Heard)
	}
	if l.notice.looks.Any() || len(l.lane.records) > 0 {
		st.Dirty++
	}
	var failed int64
	st.Problems, st.Skipped, failed = l.trouble.Report()
	if f, ok := l.root.files.(interface {
		Holding() string
		HoldingInside() bool
	}); ok {
		st.Holding, st.HoldingInside = f.Holding(), f.HoldingInside()
	}
	st.Outage, st.LeftOut = outage(p.meta, p.crash), l.leftOut()
	lag, longest := l.lags.Report()
	st.LagMS, st.MaxLagMS = float64(lag.Microseconds())/1000, float64(longest.Microseconds())/1000
	st.State, st.Reason = l.word(st, failed)
	if l.root.emptied {
		n := c.Files + c.Dirs + c.Links
		st.Waiting = &report.Waiting{ID: report.EmptiedID, Deletes: n, Total: n, Reason: st.Reason}
	}
	st.Progress = l.progress(now)
	st.Verify = l.checkup.Describe(now)
	st.Stuck, st.PeerStuck = l.stuckOn(st), fromWire(t.theirStuck)
	return st
}

// word is the one word for how the share is, and the reason where one is needed.
func (l *loop) word(st report.Status, failed int64) (report.State, string) {
	t, waiting := &l.talk, l.rounds.Waiting()
	switch {
	case l.s.broken != nil:
		return report.IndexError, l.s.broken.Error()
	case l.root.halt != "":
		return l.root.halt, l.root.reason
	case l.root.emptied:
		return report.WaitingApproval, fmt.Sprintf("%s is empty, but was not: mount or restore it; "+
			"if all of it was meant to go, run 'duet approve %s'; to have it filled from %s, 'duet reject %s'",
			l.s.cfg.Path, l.s.cfg.Name, l.s.cfg.PeerName, l.s.cfg.Name)
	case l.root.ctx == nil:
		return report.Starting, ""
	case !l.root.ready:
		return report.Scanning, ""
	case l.published.paused:
		return report.Paused, fmt.Sprintf("paused by a person: 'duet resume %s' goes on", l.s.cfg.Name)
	case t.sess == nil:
		return report.Disconnected, t.why
	case !t.greeted:
		return report.Connecting, fmt.Sprintf("connected; waiting for %s to finish its scan", l.s.cfg.PeerName)
	case t.held && (st.PendingIn > 0 || st.PendingOut > 0 || !l.drained()):
		return report.WaitingApproval, fmt.Sprintf("held (%s): look at the plan and apply it with 'duet recover %s'", t.heldWhy, l.s.cfg.Name)
	case waiting != nil:
		return report.WaitingApproval, waiting.Reason
	case len(l.lane.ready) > 0 && l.lane.busy:
		return report.Applying, ""
	case l.rounds.Busy() > 0:
		return report.Staging, ""
	case !l.drained() || l.notice.scanning:
		return report.Reconciling, ""
	case st.Held > 0:
		return report.Degraded, st.HeldText()
	case failed > 0:
		return report.Degraded, fmt.Sprintf("cannot sync %s, see problems; that is tried again", report.Count(failed, "path"))
	case st.LeftOut != nil && st.PendingIn+st.PendingOut > 0:
		return report.WaitingApproval, leftOutText(st)
	case st.PendingIn > 0:
		return report.Reconciling, ""
	case l.root.unsettled > 0:
		return report.Degraded, "an interrupted install could not be settled, see the log; it is tried again"
	case l.notice.blind != "":
		return report.Degraded, l.notice.blind
	}
	return report.Watching, ""
}

// progress is of long work; nil while there is none.
func (l *loop) progress(now time.Time) *report.Progress {
	if pass := l.notice.pass; pass != nil && now.Sub(pass.began) > time.Second {
		done := pass.paths.Load()
		rate := float64(done) / now.Sub(pass.began).Seconds()
		p := &report.Progress{Phase: "scanning", Done: done, Total: max(pass.known, done), Bytes: pass.bytes.Load(), Rate: rate}
		if rate > 0 {
			p.Left = float64(p.Total-done) / rate
		}
		return p
	}
	if l.rounds.Busy() == 0 {
		if l.published.counts.Take == 0 {
			l.rounds.Rest()
			l.published.rate = gauge.Rate{}
		}
		return nil
	}
	done, began := l.rounds.Progress()
	if now.Sub(began) < time.Second {
		return nil
	}
	p := &report.Progress{Phase: "receiving", Done: done, Total: done + l.published.counts.Take}
	if t := &l.talk; t.head > t.heard { // in a first sync the peer tells of what is to come as it is taken
		p.Total += int64(t.head - t.heard)
	}
	if s := l.talk.sess; s != nil && s.Fetch != nil {
		p.Bytes = s.Fetch.Received()
	}
	p.Rate = l.published.rate.Of(p.Bytes, now)
	if secs := now.Sub(began).Seconds(); done > 0 {
		p.Left = float64(p.Total-p.Done) * secs / float64(done)
	}
	return p
}

// stuckFor is how long a share has to be stuck before Flush believes it: that the
// peer is not stuck any more, since a person has just approved something there,
// takes a moment to get here.
const stuckFor = 500 * time.Millisecond

// answer tells those who wait in Flush.
func (l *loop) answer(st report.Status, now time.Time) {
	stuck := st.Blocked()
	if len(l.waiters) == 0 || stuck == nil {
		l.stuckSince = time.Time{}
	} else if l.stuckSince.IsZero() {
		l.stuckSince = now
	}
	rest := l.waiters[:0]
	for _, w := range l.waiters {
		switch {
		case w.ctx.Err() != nil:
			w.done <- w.ctx.Err()
		case stuck != nil && now.Sub(l.stuckSince) >= stuckFor:
			w.done <- stuck
		case st.HasAll():
			w.done <- nil
		default:
			rest = append(rest, w)
		}
	}
	if l.waiters = rest; stuck != nil && len(rest) > 0 && l.published.due.IsZero() {
		l.published.due = l.stuckSince.Add(stuckFor)
	}
}
