package replicate

import (
	"errors"
	"fmt"
	"time"

	"duet/replicate/install"
	"duet/replicate/report"
	"duet/store"
	"duet/store/index"
)

// Removals that come near to max_delete wait until the peer has been quiet for
// a moment, so that a mass deletion is counted as a whole before it begins.
const (
	quietTime = 100 * time.Millisecond
	noisyMost = 2 * time.Second
)

var (
	errBusy  = errors.New("a process has it open for writing: it is replaced when that is done")
	errRaced = errors.New("it has just been changed here: that is looked at first")
)

// pickRemovals makes a batch of what the peer deleted, bottom-up, once nothing
// else is left to do.
func (l *loop) pickRemovals(now time.Time) (*batch, error) {
	r := &l.rounds
	if !l.drained() || l.notice.scanning {
		return nil, nil
	}
	todo, err := l.countRemovals()
	if err != nil || todo.all == 0 {
		r.waiting, r.seen, r.noisy = nil, 0, time.Time{}
		return nil, err
	}
	c, err := l.s.book.Counts()
	if err != nil || l.growing(todo.all, now) {
		return nil, err
	}
	withheld := l.withhold(todo, c, now)
	if withheld && todo.open == todo.all {
		return nil, nil
	}
	b := &batch{remove: true, failed: map[index.Path]error{}, approved: map[index.Path]bool{}}
	err = l.s.st.View(func(tx *store.Tx) error {
		k := &picking{l: l, tx: tx, now: now, b: b, approved: withheld}
		for rec, err := range tx.TodoBack(index.Root) {
			if err != nil {
				return err
			}
			if len(b.jobs) >= maxBatch {
				break
			}
			if err := k.remove(rec); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || len(b.jobs) == 0 {
		return nil, err
	}
	return b, nil
}

// remove adds a removal to the batch if it can be done now.
func (k *picking) remove(r *index.Record) error {
	l := k.l
	v := l.s.book.Decide(r)
	if !v.Removes() || k.approved && !l.approves(r) || l.rounds.flying[r.Path] || l.trouble.Waits(r.Path, k.now) || l.trouble.Blocked(r.Path) {
		return nil
	}
	if r.Ours.LiveKind() == index.Dir {
		stays, waits, err := k.below(r.Path)
		if err != nil || waits {
			return err
		}
		if stays {
			l.revive(r.Path)
			return nil
		}
	}
	j := l.s.job(r, v)
	if j.Conflict == nil {
		j.Reason = index.Removed
		if l.approves(r) {
			k.b.approved[r.Path] = true
		}
	}
	k.b.jobs = append(k.b.jobs, j)
	return nil
}

// removals are what the peer deleted and is still here.
type removals struct {
	all  int64
	open int64     // of those, not approved
	upto index.Seq // the last of the open ones was heard at this position
}

// countRemovals counts what is to be deleted, and what of it is not approved.
func (l *loop) countRemovals() (out removals, err error) {
	err = l.s.st.View(func(tx *store.Tx) error {
		out, err = l.removalsIn(tx)
		return err
	})
	return out, err
}

func (l *loop) removalsIn(tx *store.Tx) (out removals, err error) {
	for rec, err := range tx.Todo(index.Root) {
		if err != nil {
			return removals{}, err
		}
		if l.s.book.Doomed(rec) {
			out.all++
			if !l.approves(rec) {
				out.open++
				out.upto = max(out.upto, rec.Heard)
			}
		}
	}
	return out, nil
}

// approves reports whether a person has approved that r is deleted: an approval
// is for what waited when its id was made, whatever is heard afterwards.
func (l *loop) approves(r *index.Record) bool { return r.Heard <= l.rounds.approved }

// growing reports whether so many removals wait that more on their way could
// be too many.
func (l *loop) growing(n int64, now time.Time) bool {
	r := &l.rounds
	if !l.s.limit.Near(n) {
		return false
	}
	if r.noisy.IsZero() {
		r.noisy = now
	}
	if n > r.seen { // not when it shrinks: that is us at work
		r.quiet = now.Add(quietTime)
	}
	r.seen = n
	return now.Before(r.quiet) && now.Sub(r.noisy) < noisyMost
}

// withhold reports whether the removals that nobody approved are more than may
// happen without that; then all of them wait. c is of the index as it is.
func (l *loop) withhold(todo removals, c store.Counts, now time.Time) bool {
	r, n := &l.rounds, todo.open
	if n == 0 {
		r.waiting = nil
		return false
	}
	lately := r.deleted.Sum(now)
	total := c.Files + c.Dirs + c.Links + lately
	if !l.s.limit.Exceeded(n+lately, total) {
		r.waiting = nil
		return false
	}
	if r.waiting == nil || r.waiting.Deletes != n || r.shown != todo.upto {
		r.shown = todo.upto
		r.waiting = &report.Waiting{
			ID: fmt.Sprintf("%08x", uint32(l.s.boot)^uint32(todo.upto)), Deletes: n, Total: total,
			Reason: fmt.Sprintf("%s deleted %d of %d paths, more than max_delete %v: look at `duet recover %s --dry-run`, then `duet approve %s`, or bring the files back on %s",
				l.s.cfg.PeerName, n, total, l.s.limit, l.s.cfg.Name, l.s.cfg.Name, l.s.cfg.PeerName),
		}
		l.log.Warn("deletes wait for approval", "deletes", n, "of", total, "limit", l.s.limit.String(), "id", r.waiting.ID)
		if r.told != r.waiting.ID { // else it was before the connection was cut
			r.told = r.waiting.ID
			l.journal(index.Withheld, index.ByRule, l.s.cfg.Peer, fmt.Sprintf("%d deletes of %d paths, more than max_delete %v: %s", n, total, l.s.limit, r.told))
		}
	}
	return true
}

// revive keeps a directory alive because something in it is to stay.
func (l *loop) revive(p index.Path) {
	if l.rounds.flying[p] {
		return
	}
	l.rounds.flying[p] = true
	l.ask(func() func() {
		err := l.s.book.Revive(p)
		return func() {
			delete(l.rounds.flying, p)
			l.rounds.kick = true
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
