package rounds

import (
	"time"

	"duet/replicate/book"
	"duet/store"
	"duet/store/index"
)

// Removals that come near to max_delete wait until the peer has been quiet for
// a moment, so that a mass deletion is counted as a whole before it begins.
//
// How long is quiet depends on how the peer's deletes have come so far: on a slow
// host, or over a long link, there is time between two batches of them. If they
// do not end, those begin that may happen anyway.
const (
	quietLeast = 100 * time.Millisecond
	quietMost  = 2 * time.Second
	noisyMost  = 10 * time.Second
)

// Somebody who deletes thousands of files is heard of in parts, and each part that
// is removed by itself costs two commits, an exchange with the peer, and syncs. So
// after one, the next waits for a few times as long as that took.
const (
	removalRest = 3
	removalMost = 250 * time.Millisecond
)

// pickRemovals makes a batch of what the peer deleted, bottom-up, once nothing
// else is left to do, or nothing but with.
func (r *Rounds) pickRemovals(m Moment, with *Batch) (*Batch, error) {
	if !m.Drained || m.Scanning {
		return nil, nil
	}
	todo, err := r.countRemovals()
	if err == nil && len(todo.spared) > 0 {
		r.Spare(todo.spared, r.leaves)
		return nil, nil // and then there is another look
	}
	if err != nil || todo.all == 0 {
		r.waiting, r.seen, r.grown, r.noisy = nil, 0, time.Time{}, time.Time{}
		return nil, err
	}
	if r.growing(todo, m) {
		return nil, nil
	}
	if m.Now.Before(r.again) && !toldWhole(todo, m) {
		r.quiet = r.again
		return nil, nil
	}
	b := newBatch()
	err = r.Book.Store.View(func(tx *store.Tx) error {
		k := &picking{rounds: r, tx: tx, m: m, b: b}
		if with != nil {
			k.taken = takes(with.Jobs)
		}
		if k.shut, err = r.withhold(tx, todo, m.Now); err != nil {
			return err
		}
		if err := k.keepNeeded(); err != nil || k.shut.of(todo) == todo.all {
			return err
		}
		for rec, err := range r.met.todo(tx, true) {
			if err != nil {
				return err
			}
			if len(b.Jobs) >= maxMoves {
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
	if !v.Removes() || k.rounds.Book.Reserved(r, v) || k.rounds.rejects(r) || k.withholds(r) || k.rounds.busy(r.Path, k.m.Now) {
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
	j := k.job(r, v)
	if j.Conflict == nil {
		j.Reason = index.Removed
		if k.rounds.approves(r) {
			k.b.approved[r.Path], j.Note = true, approvedNote
		}
	}
	tries, _ := k.rounds.Trouble.Failed(r.Path)
	j.Single = tries > 0 // the directory went out and back once: not again and again
	k.b.Jobs, k.b.removals[r.Path] = append(k.b.Jobs, j), true
	return nil
}

// removals are what the peer deleted and is still here.
type removals struct {
	all  int64
	upto index.Seq // the last of it was heard at this position
	open []open    // what of it nobody approved, for each bound

	spared []index.Path // of those that a person rejected, not in all: the first maxSpared
}

// open is what is to be deleted at and below a bound's directory, and nobody
// approved.
type open struct {
	n    int64
	upto index.Seq // the last of it was heard at this position
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

func (r *Rounds) removalsIn(tx *store.Tx) (removals, error) {
	out := removals{open: make([]open, len(r.Bounds))}
	for rec, err := range r.met.todo(tx, false) {
		if err != nil {
			return removals{}, err
		}
		held, err := book.UnderHeld(tx, rec.Path)
		if err != nil {
			return removals{}, err
		}
		if held || !r.Book.Doomed(rec) || r.reserved(rec) {
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
		out.upto = max(out.upto, rec.Heard)
		if approved {
			continue
		}
		for i, b := range r.Bounds {
			if b.Holds(rec.Path) {
				out.open[i].n++
				out.open[i].upto = max(out.open[i].upto, rec.Heard)
			}
		}
	}
	return out, nil
}

// reserved reports whether a person has left what is to be done at rec out of a
// plan.
func (r *Rounds) reserved(rec *index.Record) bool {
	return r.Book.Reserved(rec, r.Book.Decide(rec))
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

// toldWhole reports whether the peer says that just these are all there are.
func toldWhole(todo removals, m Moment) bool {
	return todo.upto > 0 && todo.upto <= m.Whole && m.Whole <= m.Heard
}

// growing reports whether so many removals wait that more on their way could
// be too many. None are if the peer says so of just these: it knows when nobody
// deletes any more, and here that has to be guessed.
func (r *Rounds) growing(todo removals, m Moment) bool {
	now := m.Now
	near := r.Bounds[0].Limit.Near(todo.all)
	for i, b := range r.Bounds {
		near = near || b.Limit.Near(todo.open[i].n)
	}
	if !near || toldWhole(todo, m) {
		return false
	}
	if r.noisy.IsZero() {
		r.noisy = now
	}
	if todo.all > r.seen { // not when it shrinks: that is us at work
		wait := quietLeast
		if !r.grown.IsZero() {
			wait = min(max(3*now.Sub(r.grown), wait), quietMost)
		}
		r.grown, r.quiet = now, now.Add(wait)
	}
	r.seen = todo.all
	return now.Before(r.quiet) && now.Sub(r.noisy) < noisyMost
}
