package replicate

import (
	"context"
	"log/slog"
	"time"

	"duet/recovery/compare"
	"duet/store"
	"duet/store/index"
)

// verifyAfter is how soon after a start, or after having been interrupted, a
// verification by rule begins that is due.
const verifyAfter = time.Hour

// goOnAfter is the same of one that was interrupted, and goes on: a host that is
// started every day would have none otherwise.
const goOnAfter = 5 * time.Minute

// verifyByRule begins a verification when `verify_every` says so.
func (l *loop) verifyByRule(now time.Time) {
	v, every := &l.verify, l.s.cfg.VerifyEvery
	if every <= 0 || l.root.ctx == nil || !l.root.ready || v.byRule {
		return
	}
	soon := now.Add(min(verifyAfter, every))
	if v.due.IsZero() {
		v.due = soon
		if v.half.Began != 0 {
			v.due = now.Add(min(goOnAfter, every))
		} else if last := v.contents.Ended; last != 0 {
			if next := now.Add(every - l.s.now().Sub(time.Unix(0, last))); next.After(soon) {
				v.due = next
			}
		}
	}
	if v.due.Before(v.room) {
		v.due = v.room
	}
	if now.Before(v.due) || v.look != nil {
		return
	}
	v.byRule = true
	ctx, from := l.root.ctx, v.half
	if from.Began != 0 && l.s.now().Sub(time.Unix(0, from.Began)) > 2*every+time.Minute {
		from = store.Verified{} // what was read then says little by now
	}
	l.start(func() func() {
		err := l.s.verifyOnce(ctx, from)
		return func() {
			v.byRule = false
			v.due = time.Now().Add(every)
			if err != nil {
				v.due = time.Now().Add(min(verifyAfter, every))
				l.log.Info("verification was interrupted", "reason", err, "next", v.due)
			}
		}
	})
}

// verifyOnce is a verification that nobody watches. from is one that was
// interrupted.
func (s *Share) verifyOnce(ctx context.Context, from store.Verified) error {
	o := VerifyOrder{Content: true, How: index.ByRule, From: from}
	out := Verification{}
	var err error
	out.Here, err = s.verifyTree(ctx, o, VerifySink{
		Found:    func(VerifyFinding) error { return nil },
		Progress: func(VerifyTotals) error { return nil },
	})
	if err != nil {
		return err
	}
	if err := s.compareVerified(ctx, o, func(compare.Difference) error { return nil }, &out); err != nil {
		return err
	}
	return s.saveVerified(ctx, out.Here)
}

// saveVerified writes down what a look at the whole tree came to.
func (s *Share) saveVerified(ctx context.Context, v store.Verified) error {
	return s.do(ctx, func(l *loop, done chan<- error) {
		l.ask(func() func() {
			err := s.book.Verified(v, s.cfg.Node)
			return func() {
				l.verified(v, err)
				l.publishNow(time.Now()) // whoever asked looks at the status next
				done <- err
			}
		})
	})
}

// verified takes note of what a look came to, that is in the index now.
func (l *loop) verified(v store.Verified, err error) {
	l.talk.wake()
	l.recallVerified()
	if err != nil {
		return
	}
	level := slog.LevelInfo
	if v.Corrupt+v.Unreadable-v.Repaired+v.Drift > 0 {
		level = slog.LevelWarn
	}
	l.log.Log(l.ctx, level, "verified", "paths", v.Paths, "content", v.Content, "bytes", v.Bytes, "by", v.How.String(),
		"missed", v.Missed, "corrupt", v.Corrupt, "unreadable", v.Unreadable, "repaired", v.Repaired, "failed", v.Failed,
		"compared", v.Compared, "drift", v.Drift, "took", time.Duration(v.Ended-v.Began).Round(time.Millisecond))
}

// recallVerified reads what the index says of the last looks.
func (l *loop) recallVerified() {
	contents, tree, err := l.s.book.LastVerified()
	if err != nil {
		l.indexFailed("read the last verification", err)
		return
	}
	l.verify.contents, l.verify.tree = contents, tree
	if l.verify.half, err = l.s.book.HalfVerified(); err != nil {
		l.indexFailed("read how far a verification is", err)
	}
}
