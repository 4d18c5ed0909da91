package replicate

import (
	"context"
	"fmt"
	"time"

	"duet/recovery"
	"duet/replicate/expiry"
	"duet/scan/vfs"
	"duet/store/index"
)

// hurry is how soon the next step follows one that did not finish: the lane
// has other work in between, and a mass delete still comes to its end.
const hurry = time.Second

// partsEvery is how many steps of housekeeping there are to one look for what
// transfers have left that nobody goes on with.
const partsEvery = 60

// keeping is the housekeeping of what was displaced, and of the journal: a
// small step in the
// writer lane from time to time.
type keeping struct {
	due    time.Time
	busy   bool
	held   int // restores under way: nothing expires
	steps  uint64
	pruner *expiry.Pruner  // of this life of the root
	trim   *expiry.Trimmer // of the journal
	short  string          // too little space, and nothing to prune
}

// keepHouse asks for the next step when it is time.
func (l *loop) keepHouse(now time.Time) {
	k := &l.keeping
	if l.s.cfg.Keep == (expiry.Limits{}) && l.s.cfg.Journal == (expiry.Journal{}) || l.root.ctx == nil || !l.root.ready || k.busy || k.held > 0 {
		return
	}
	if k.due.IsZero() {
		k.due = now.Add(l.houseAfter())
	}
	if now.Before(k.due) {
		return
	}
	k.busy = true
	if k.pruner == nil || k.pruner.Files != l.root.files {
		k.pruner = l.s.pruner(l.root.files, index.ByRule)
	}
	p, ctx := k.pruner, l.root.ctx
	p.Limits = l.s.cfg.Keep
	if l.published.paused || l.talk.held {
		// A person looks into something, and may want what is old. Only a
		// full disk cannot wait.
		p.Limits = expiry.Limits{MinFree: p.Limits.MinFree}
	}
	if k.trim == nil {
		k.trim = &expiry.Trimmer{Store: l.s.st, Limits: l.s.cfg.Journal}
	}
	trim, files := k.trim, l.root.files
	parts := k.steps%partsEvery == 0
	l.ask(func() func() {
		var r expiry.Report
		var err error
		var more bool
		if ctx.Err() == nil {
			r, err = p.Step(l.s.now())
		}
		if err == nil {
			more, err = trim.Step(l.s.now())
		}
		if err == nil {
			var rest bool
			rest, err = expiry.Rulings(l.s.st, l.s.cfg.Keep.Age, l.s.now())
			more = more || rest
		}
		if err == nil && parts && ctx.Err() == nil {
			if _, bad := recovery.DropParts(ctx, l.s.st, files, l.s.now()); bad != nil {
				r.Problems = append(r.Problems, fmt.Errorf("what is left of transfers: %w", bad))
			}
		}
		r.More = r.More || more
		return func() { l.houseKept(r, err, time.Now()) }
	})
}

// houseAfter spreads the steps, so that shares do not prune together.
func (l *loop) houseAfter() time.Duration {
	d := l.s.cfg.Housekeeping
	l.keeping.steps++
	x := (l.s.boot + l.keeping.steps) * 0x9e3779b97f4a7c15 // Knuth's multiplicative hash
	return d*3/4 + time.Duration(x>>33%uint64(d/2+1))
}

func (l *loop) houseKept(r expiry.Report, err error, now time.Time) {
	k := &l.keeping
	k.busy = false
	k.due = now.Add(l.houseAfter())
	if r.More {
		k.due = now.Add(min(hurry, l.s.cfg.Housekeeping))
	}
	if r.Short != "" && k.short == "" {
		l.log.Warn("too little space", "reason", r.Short)
	}
	k.short = r.Short
	l.pruned(r, err)
}

// pruned takes note of what a step removed.
func (l *loop) pruned(r expiry.Report, err error) {
	for _, p := range r.Problems {
		l.log.Warn("cannot tidy the holding area", "error", p)
	}
	if n := len(r.Pruned); n > 0 {
		l.log.Info("pruned kept versions", "versions", n, "bytes", r.Bytes)
		l.talk.wake()
	}
	if err != nil {
		l.indexFailed("housekeeping", err)
	}
}

func (s *Share) pruner(files vfs.Files, how index.How) *expiry.Pruner {
	return &expiry.Pruner{Store: s.st, Files: files, Node: s.cfg.Node, How: how, Limits: s.cfg.Keep}
}

// Prune removes kept versions for good, in as many steps as that takes. It can
// be stopped by ctx between two of them.
func (s *Share) Prune(ctx context.Context, o expiry.Order) (expiry.Pruned, error) {
	out := expiry.Pruned{Share: s.cfg.Name, DryRun: o.DryRun, Items: []expiry.Version{}}
	var p *expiry.Pruner
	for {
		var r expiry.Report
		err := s.do(ctx, func(l *loop, done chan<- error) {
			if l.root.ctx == nil {
				done <- s.rootless(l)
				return
			}
			if p == nil || p.Files != l.root.files {
				p = s.pruner(l.root.files, index.ByUser)
				p.Match = o.Match
				if o.Limits != nil {
					p.Limits = *o.Limits
				}
			}
			l.ask(func() func() {
				var err error
				if o.DryRun {
					r, err = p.Preview(l.s.now(), expiry.MaxListed)
				} else {
					r, err = p.Step(l.s.now())
				}
				return func() {
					if !o.DryRun {
						l.pruned(r, err)
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

func (s *Share) rootless(l *loop) error {
	return fmt.Errorf("share %q has no root now: %s", s.cfg.Name, l.root.reason)
}
