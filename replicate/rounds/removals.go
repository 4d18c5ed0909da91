package rounds

import (
	"fmt"
	"slices"
	"time"

	"duet/replicate/book"
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

// pickRemovals makes a batch of what the peer deleted, bottom-up, once nothing
// else is left to do.
func (r *Rounds) pickRemovals(m Moment) (*Batch, error) {
	if !m.Drained || m.Scanning {
		return nil, nil
	}
	todo, err := r.countRemovals()
	if err == nil && len(todo.spared) > 0 {
		r.Spare(todo.spared, r.leaves)
		return nil, nil // and then there is another look
	}
	if err != nil || todo.all == 0 {
		r.waiting, r.seen, r.noisy = nil, 0, time.Time{}
		return nil, err
	}
	c, err := r.Book.Counts()
	if err != nil || r.growing(todo.all, m.Now) {
		return nil, err
	}
	withheld := r.withhold(todo, c, m.Now)
	if withheld && todo.open == todo.all {
		return nil, nil
	}
	b := newBatch()
	b.remove = true
	err = r.Book.Store.View(func(tx *store.Tx) error {
		k := &picking{rounds: r, tx: tx, m: m, b: b, approved: withheld}
		for rec, err := range tx.TodoBack(index.Root) {
			if err != nil {
				return err
			}
			if len(b.Jobs) >= maxBatch {
				break
			}
			if err := k.remove(rec); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || len(b.Jobs) == 0 {
		return nil, err
	}
	return b, nil
}

// remove adds a removal to the batch if it can be done now.
func (k *picking) remove(r *index.Record) error {
	v := k.rounds.Book.Decide(r)
	if held, err := book.UnderHeld(k.tx, r.Path); err != nil || held {
		return err
	}
	if !v.Removes() || k.rounds.rejects(r) || k.approved && !k.rounds.approves(r) || k.rounds.busy(r.Path, k.m.Now) {
		return nil
	}
	if r.Ours.LiveKind() == index.Dir {
		stays, waits, err := k.below(r.Path)
		if err != nil || waits {
			return err
		}
		if stays {
			k.rounds.Revive(r.Path)
			return nil
		}
	}
	j := k.rounds.job(r, v)
	if j.Conflict == nil {
		j.Reason = index.Removed
		if k.rounds.approves(r) {
			k.b.approved[r.Path] = true
		}
	}
	k.b.Jobs = append(k.b.Jobs, j)
	return nil
}

// removals are what the peer deleted and is still here.
type removals struct {
	all  int64
	open int64     // of those, not approved
	upto index.Seq // the last of the open ones was heard at this position

	spared []index.Path // of those that a person rejected, not in all: the first maxSpared
}

// maxSpared is how many paths are kept alive with one commit.
const maxSpared = 500

// countRemovals counts what is to be deleted, and what of it is not approved.
func (r *Rounds) countRemovals() (out removals, err error) {
	err = r.Book.Store.View(func(tx *store.Tx) error {
		out, err = r.removalsIn(tx)
		return err
	})
	return out, err
}

func (r *Rounds) removalsIn(tx *store.Tx) (out removals, err error) {
	for rec, err := range tx.Todo(index.Root) {
		if err != nil {
			return removals{}, err
		}
		held, err := book.UnderHeld(tx, rec.Path)
		if err != nil {
			return removals{}, err
		}
		if held || !r.Book.Doomed(rec) {
			continue
		}
		approved, rejected := r.leaves.Of(rec)
		if rejected {
			if !r.flying[rec.Path] && len(out.spared) < maxSpared {
				out.spared = append(out.spared, rec.Path)
			}
			continue
		}
		out.all++
		if !approved {
			out.open++
			out.upto = max(out.upto, rec.Heard)
		}
	}
	return out, nil
}

// approves reports whether a person has approved that rec is deleted: an approval
// is for what waited when its id was made, whatever is heard afterwards.
func (r *Rounds) approves(rec *index.Record) bool {
	approved, _ := r.leaves.Of(rec)
	return approved
}

// rejects reports whether a person said that rec must not be deleted.
func (r *Rounds) rejects(rec *index.Record) bool {
	_, rejected := r.leaves.Of(rec)
	return rejected
}

// growing reports whether so many removals wait that more on their way could
// be too many.
func (r *Rounds) growing(n int64, now time.Time) bool {
	if !r.Limit.Near(n) {
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
func (r *Rounds) withhold(todo removals, c store.Counts, now time.Time) bool {
	n := todo.open
	if n == 0 {
		r.waiting = nil
		return false
	}
	lately := r.deleted.Sum(now)
	total := c.Files + c.Dirs + c.Links + lately
	if !r.Limit.Exceeded(n+lately, total) {
		r.waiting = nil
		return false
	}
	if r.waiting == nil || r.waiting.Deletes != n || r.shown != todo.upto {
		r.shown = todo.upto
		r.waiting = &report.Waiting{
			ID: fmt.Sprintf("%08x", uint32(r.Names)^uint32(todo.upto)), Deletes: n, Total: total,
			Reason: fmt.Sprintf("%s deleted %d of %d paths, more than max_delete %v: look at `duet recover %s --dry-run`, then `duet approve %s`, or `duet reject %s` to bring them back on %s",
				r.Peer, n, total, r.Limit, r.Share, r.Share, r.Share, r.Peer),
		}
		r.Log.Warn("deletes wait for approval", "deletes", n, "of", total, "limit", r.Limit.String(), "id", r.waiting.ID)
		if r.told != r.waiting.ID { // else it was before the connection was cut
			r.told = r.waiting.ID
			r.Journal(index.Withheld, index.ByRule, r.Book.Policy.Peer, fmt.Sprintf("%d deletes of %d paths, more than max_delete %v: %s", n, total, r.Limit, r.told))
		}
	}
	return true
}

// Waiting is what waits for a person's approval; nil if nothing does.
func (r *Rounds) Waiting() *report.Waiting { return r.waiting }

// Shown returns up to which position of the peer's Waiting speaks.
func (r *Rounds) Shown() index.Seq { return r.shown }

// Said says what people have said of deletes, instead of what was known of that.
func (r *Rounds) Said(leaves book.Leaves) { r.leaves, r.waiting, r.kick = leaves, nil, true }

// Leave takes note of what a person said of deletes that wait.
func (r *Rounds) Leave(leaves ...store.Leave) {
	r.leaves = append(slices.Clip(r.leaves), leaves...)
	r.waiting, r.kick = nil, true
}
