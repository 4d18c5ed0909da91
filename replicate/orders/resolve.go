package orders

import (
	"context"
	"errors"
	"fmt"

	"duet/replicate/ruling"
	"duet/replicate/transfer"
	"duet/store"
	"duet/store/index"
)

// Resolve settles the conflicts that the order selects, those that wait for a person
// and those that a rule has settled, path by path: ctx stops it between two
// chunks, and what was settled by then stays. If only the peer has some of the
// contents and it is not connected, nothing is done. progress, which may be nil,
// is told how many of how many paths are done.
func (o *Orders) Resolve(ctx context.Context, order ruling.Order, progress func(done, total int)) (ruling.Result, error) {
	out := ruling.Result{Share: o.Share, DryRun: order.DryRun, Items: []ruling.Item{}}
	var paths []index.Path
	err := o.Book.Store.View(func(tx *store.Tx) (err error) {
		paths, err = ruling.Find(tx, order.Match)
		return err
	})
	if err != nil || len(paths) == 0 {
		return out, err
	}
	if err := o.mayResolve(ctx, &order, paths, &out); err != nil || order.DryRun {
		return out, err
	}
	err = o.KeepingAll(ctx, func() error {
		total := len(paths)
		for len(paths) > 0 {
			err := o.Chunk(ctx, &out, func(d *ruling.Desk, _ ruling.Peer) (errands []*ruling.Errand, work *ruling.Work, err error) {
				errands, n, err := d.Look(&order, paths)
				paths = paths[n:]
				return errands, d.Work(context.WithoutCancel(ctx), &order, errands, &out.Ruling), err
			})
			if progress != nil {
				progress(total-len(paths), total)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	out.Sort()
	return out, err
}

// mayResolve looks at all paths before anything is done: of a dry run, it says
// what would become of them.
func (o *Orders) mayResolve(ctx context.Context, order *ruling.Order, paths []index.Path, out *ruling.Result) error {
	var d *ruling.Desk
	var fetch *transfer.Fetcher
	err := o.Do(ctx, func(done chan<- error) {
		var err error
		d, fetch, _, err = o.desk()
		done <- err
	})
	if err != nil {
		return err
	}
	var away int64
	for len(paths) > 0 {
		errands, n, err := d.Look(order, paths)
		if err != nil {
			return err
		}
		paths = paths[n:]
		for _, e := range errands {
			if e.Needs() && fetch == nil {
				away++
			}
			if order.DryRun {
				out.Add(d.Foretell(e))
			}
		}
	}
	if out.Away = away; away > 0 && !order.DryRun {
		return o.away(fmt.Sprintf("nothing was done: the content of %d of the paths is only on %s", away, o.Peer))
	}
	return nil
}

// TakeBack takes a ruling back: each path that nobody has changed since becomes
// what it was before, and its conflicts are open again. 0 is the last ruling.
func (o *Orders) TakeBack(ctx context.Context, id uint64, progress func(done, total int)) (ruling.Result, error) {
	out := ruling.Result{Share: o.Share, Items: []ruling.Item{}}
	var r *index.Ruling
	err := o.Book.Store.View(func(tx *store.Tx) (err error) {
		if id != 0 {
			r, err = tx.GetRuling(id)
			return err
		}
		for one, err := range tx.Rulings() {
			if err != nil {
				return err
			}
			r = &one
		}
		return nil
	})
	switch {
	case err != nil:
		return out, err
	case r == nil && id == 0:
		return out, errors.New("nothing is remembered that could be taken back")
	case r == nil:
		return out, fmt.Errorf("there is no ruling %d: see 'duet conflicts undo --list'", id)
	}
	out.Ruling = r.ID
	err = o.KeepingAll(ctx, func() error {
		done, total := 0, int(r.Paths)
		for at := index.Root; ; {
			more := false
			err := o.Chunk(ctx, &out, func(d *ruling.Desk, peer ruling.Peer) ([]*ruling.Errand, *ruling.Work, error) {
				errands, last, err := d.LookBack(r.ID, at, peer)
				at, more = last, len(errands) > 0
				done += len(errands)
				return errands, d.WorkBack(context.WithoutCancel(ctx), r.ID, errands, peer), err
			})
			if progress != nil {
				progress(done, max(done, total))
			}
			if err != nil || !more {
				return err
			}
		}
	})
	out.Sort()
	return out, err
}

// Dispute is a conflict with the contents of its sides.
type Dispute struct {
	ruling.Case
	Contents [2][]byte // ours, theirs: of files
	Errs     [2]error
}

// Sides reads both sides of the conflict of a path, as far as they are files of
// no more than limit bytes: from here, or from the peer. It returns nil if
// nothing is open there.
func (o *Orders) Sides(ctx context.Context, p index.Path, limit int64) (*Dispute, error) {
	var out *Dispute
	err := o.Book.Store.View(func(tx *store.Tx) error {
		c, err := ruling.CaseOf(tx, p, o.Self)
		if c != nil {
			out = &Dispute{Case: *c}
		}
		return err
	})
	if err != nil || out == nil {
		return nil, err
	}
	return out, o.Do(context.WithoutCancel(ctx), func(done chan<- error) {
		d, fetch, _, err := o.desk()
		if err != nil {
			done <- err
			return
		}
		until := o.until()
		o.Start(func() func() {
			until, cancel := context.WithCancel(until)
			unhook := context.AfterFunc(ctx, cancel)
			for i, e := range []*index.Entry{out.Ours, out.Theirs} {
				if e.LiveKind() == index.File {
					out.Contents[i], out.Errs[i] = d.Content(until, fetch, p, e, limit)
				}
			}
			unhook()
			cancel()
			return func() { done <- nil }
		})
	})
}

// Chunk carries out one chunk of an order: look says which, in a goroutine of
// the share's; then the contents are brought, and the writer lane does the rest.
// A chunk that was begun is brought to its end whatever becomes of ctx, which
// only stops a transfer.
func (o *Orders) Chunk(ctx context.Context, out *ruling.Result, look func(*ruling.Desk, ruling.Peer) ([]*ruling.Errand, *ruling.Work, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return o.Do(context.WithoutCancel(ctx), func(done chan<- error) {
		d, fetch, peer, err := o.desk()
		if err != nil {
			done <- err
			return
		}
		root, until := o.Now().Root, o.until()
		o.Start(func() func() {
			errands, work, err := look(d, peer)
			if err == nil && len(errands) > 0 {
				bring, cancel := context.WithCancel(until)
				unhook := context.AfterFunc(ctx, cancel)
				d.Bring(bring, fetch, errands)
				unhook()
				cancel()
			}
			return func() {
				if err != nil || len(errands) == 0 {
					done <- err
					return
				}
				o.Ask(func() func() { return o.carry(root, d, errands, work, out, done) })
			}
		})
	})
}

// carry is the writer lane's part of a chunk.
func (o *Orders) carry(root context.Context, d *ruling.Desk, errands []*ruling.Errand, work *ruling.Work, out *ruling.Result, done chan<- error) func() {
	if root.Err() != nil {
		return func() { done <- o.Rootless() }
	}
	err := o.Check(d.Files)
	if err == nil {
		err = work.Carry()
	}
	dropped := d.Drop(errands)
	return func() {
		o.carried(work, out)
		if err != nil && root.Err() == nil {
			// What is not settled now, a replay settles when the root is opened again.
			o.Halt(fmt.Errorf("carry out an order: %w", err))
		}
		done <- errors.Join(err, dropped)
	}
}

// carried takes note of what became of a chunk.
func (o *Orders) carried(work *ruling.Work, out *ruling.Result) {
	for _, it := range work.Items {
		out.Add(it)
	}
	for p := range work.Look {
		o.Mark(p, true)
	}
	o.Wrote()
}
