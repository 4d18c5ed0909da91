// Package tidy does the housekeeping of a share, a small step in its writer lane
// from time to time: what was displaced comes to its end, the journal to its
// bounds, and what transfers have left that nobody goes on with is removed.
package tidy

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"duet/recovery"
	"duet/replicate/expiry"
	"duet/replicate/post"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// hurry is how soon the next step follows one that did not finish: the lane
// has other work in between, and a mass delete still comes to its end.
const hurry = time.Second

// partsEvery is how many steps of housekeeping there are to one look for what
// transfers have left that nobody goes on with.
const partsEvery = 60

// Options are what a Keeper has to know of its share.
type Options struct {
	Store   *store.Store
	Node    index.NodeID
	Limits  expiry.Limits
	Journal expiry.Journal
	Every   time.Duration
	Spread  uint64           // random: when, within Every, so that shares do not prune together
	Clock   func() time.Time // for times that are written down
	Log     *slog.Logger
	*post.Loop
}

// Keeper does the housekeeping of what was displaced, and of the journal: a
// small step in the writer lane from time to time. Its methods belong to the
// share's loop, but for Prune.
type Keeper struct {
	Options

	due    time.Time
	busy   bool
	held   int // orders under way that need what is kept: nothing expires
	steps  uint64
	pruner *expiry.Pruner  // of this life of the root
	trim   *expiry.Trimmer // of the journal
	short  string          // too little space, and nothing to prune
}

// New returns a Keeper that has nothing under way.
func New(o Options) *Keeper { return &Keeper{Options: o} }

// Hold keeps everything from expiring while the sum of what it got is above 0.
func (k *Keeper) Hold(by int) { k.held += by }

// Short says that there is too little space, and nothing left to prune; "" if
// there is enough.
func (k *Keeper) Short() string { return k.short }

// Due returns when there is a step to do. Zero: not by time alone.
func (k *Keeper) Due() time.Time {
	if k.busy || k.held > 0 {
		return time.Time{}
	}
	return k.due
}

// Keep asks for the next step when it is time.
func (k *Keeper) Keep(now time.Time) {
	is := k.Now()
	if is.Root == nil || !is.Ready || k.busy || k.held > 0 {
		return
	}
	if k.due.IsZero() {
		k.due = now.Add(k.after())
	}
	if now.Before(k.due) {
		return
	}
	parts := k.steps%partsEvery == 0
	forever := k.Limits == (expiry.Limits{}) && k.Journal == (expiry.Journal{})
	if forever && !parts {
		k.due = now.Add(k.after())
		return
	}
	k.busy = true
	if k.pruner == nil || k.pruner.Files != is.Files {
		k.pruner = k.newPruner(is.Files, index.ByRule)
	}
	p, ctx := k.pruner, is.Root
	p.Limits = k.Limits
	if is.Paused || is.Held {
		// A person looks into something, and may want what is old. Only a
		// full disk cannot wait.
		p.Limits = expiry.Limits{MinFree: p.Limits.MinFree}
	}
	if k.trim == nil {
		k.trim = &expiry.Trimmer{Store: k.Store, Limits: k.Journal}
	}
	trim, files := k.trim, is.Files
	k.Ask(func() func() {
		var r expiry.Report
		var err error
		if !forever {
			r, err = k.expire(ctx, p, trim)
		}
		if err == nil && parts && ctx.Err() == nil {
			if _, bad := recovery.DropParts(ctx, k.Store, files, k.Clock()); bad != nil {
				r.Problems = append(r.Problems, fmt.Errorf("what is left of transfers: %w", bad))
			}
		}
		return func() { k.kept(r, err, time.Now()) }
	})
}

// expire takes one step of what comes to its end, in the writer lane.
func (k *Keeper) expire(ctx context.Context, p *expiry.Pruner, trim *expiry.Trimmer) (r expiry.Report, err error) {
	if ctx.Err() == nil {
		if r, err = p.Step(k.Clock()); err != nil {
			return r, err
		}
	}
	more, err := trim.Step(k.Clock())
	if err != nil {
		return r, err
	}
	rest, err := expiry.Rulings(k.Store, k.Limits.Age, k.Clock())
	r.More = r.More || more || rest
	return r, err
}

// after spreads the steps.
func (k *Keeper) after() time.Duration {
	k.steps++
	x := (k.Spread + k.steps) * 0x9e3779b97f4a7c15 // Knuth's multiplicative hash
	return k.Every*3/4 + time.Duration(x>>33%uint64(k.Every/2+1))
}

// kept takes note of what a step of housekeeping did.
func (k *Keeper) kept(r expiry.Report, err error, now time.Time) {
	k.busy = false
	k.due = now.Add(k.after())
	if r.More {
		k.due = now.Add(min(hurry, k.Every))
	}
	if r.Short != "" && k.short == "" {
		k.Log.Warn("too little space", "reason", r.Short)
	}
	k.short = r.Short
	k.pruned(r, err)
}

// pruned takes note of what a step removed.
func (k *Keeper) pruned(r expiry.Report, err error) {
	for _, p := range r.Problems {
		k.Log.Warn("cannot tidy the holding area", "error", p)
	}
	if n := len(r.Pruned); n > 0 {
		k.Log.Info("pruned kept versions", "versions", n, "bytes", r.Bytes)
		k.Wrote()
	}
	if err != nil {
		k.Halt(fmt.Errorf("housekeeping: %w", err))
	}
}

func (k *Keeper) newPruner(files vfs.Files, how index.How) *expiry.Pruner {
	return &expiry.Pruner{Store: k.Store, Files: files, Node: k.Node, How: how, Limits: k.Limits}
}

// Prune removes kept versions for good, in as many steps as that takes. It can
// be stopped by ctx between two of them. Call it from any goroutine but the
// loop's.
func (k *Keeper) Prune(ctx context.Context, o expiry.Order) (expiry.Pruned, error) {
	out := expiry.Pruned{Share: k.Share, DryRun: o.DryRun, Items: []expiry.Version{}}
	var p *expiry.Pruner
	for {
		var r expiry.Report
		err := k.Do(ctx, func(done chan<- error) {
			is := k.Now()
			if is.Root == nil {
				done <- k.Rootless()
				return
			}
			if p == nil || p.Files != is.Files {
				p = k.newPruner(is.Files, index.ByUser)
				p.Match = o.Match
				if o.Limits != nil {
					p.Limits = *o.Limits
				}
			}
			k.Ask(func() func() {
				var err error
				if o.DryRun {
					r, err = p.Preview(k.Clock(), expiry.MaxListed)
				} else {
					r, err = p.Step(k.Clock())
				}
				return func() {
					if !o.DryRun {
						k.pruned(r, err)
					}
					done <- err
				}
			})
		})
		if err != nil {
			return out, err
		}
		out.Add(r)
		if o.DryRun && r.More {
			out.More = 1
		}
		if o.DryRun || !r.More {
			return out, nil
		}
	}
}
