package orders

import (
	"context"
	"maps"
	"slices"
	"strings"

	"duet/replicate/restore"
	"duet/store/index"
)

// Restore brings a kept version back. With to == "" it goes to its old place,
// what is there now is kept in turn, and it is synced like any edit. Else to
// names a file that does not exist yet, or a directory, outside the share.
func (o *Orders) Restore(ctx context.Context, id uint64, to string) error {
	return o.Do(ctx, func(done chan<- error) {
		now := o.Now()
		if now.Root == nil {
			done <- o.Rootless()
			return
		}
		var k *index.Kept
		o.Wait(func() (err error) {
			if k, err = o.restorer().Kept(id); err != nil {
				return err
			}
			if to != "" {
				return restore.CopyOut(now.Files, k, to)
			}
			return o.restorer().Restore(ctx, now.Files, k)
		}, func(err error) {
			if err == nil && to == "" {
				o.Mark(k.Path, true)
			}
		}, done)
	})
}

func (o *Orders) restorer() *restore.Restorer {
	return &restore.Restorer{Share: o.Share, Book: o.Book, Env: o.Env, Check: o.Check, Names: o.Names}
}

// RestoreWindow brings back the newest kept version of each path that the order
// selects, directories before what is in them. ctx stops it between two jobs
// of the lane; what was restored by then stays.
func (o *Orders) RestoreWindow(ctx context.Context, order restore.Order) (restore.Result, error) {
	out := restore.Result{Share: o.Share, DryRun: order.DryRun, Items: []restore.Item{}}
	newest, err := o.restorer().Newest(order.Match)
	if err != nil {
		return out, err
	}
	paths := slices.SortedFunc(maps.Keys(newest), index.Path.Compare)
	var shut []*index.Kept // directories to shut at the end
	// What is still to be restored must not expire to make room for it.
	err = o.KeepingAll(ctx, func() error {
		for len(paths) > 0 {
			err := o.Do(ctx, func(done chan<- error) {
				now := o.Now()
				if now.Root == nil {
					done <- o.Rootless()
					return
				}
				chunk := &restore.Job{Restorer: o.restorer(), Files: now.Files, Order: order, Out: &out}
				o.Wait(func() error {
					n, err := chunk.Run(ctx, paths, newest)
					paths = paths[n:]
					shut = append(shut, chunk.Shut...)
					return err
				}, func(error) {
					for p := range chunk.Look {
						o.Mark(p, true)
					}
				}, done)
			})
			if err != nil {
				return err
			}
		}
		slices.SortFunc(out.Items, func(a, b restore.Item) int { return strings.Compare(a.Path, b.Path) })
		return o.shutRestored(ctx, shut)
	})
	return out, err
}

// shutRestored gives directories that their owner may not write in the mode
// that they had, now that everything is in them, the deepest first.
func (o *Orders) shutRestored(ctx context.Context, dirs []*index.Kept) error {
	if len(dirs) == 0 {
		return nil
	}
	return o.Do(ctx, func(done chan<- error) {
		now := o.Now()
		if now.Root == nil {
			done <- o.Rootless()
			return
		}
		o.Wait(func() error { return restore.ShutAll(now.Files, dirs) }, func(error) {
			for _, k := range dirs {
				o.Mark(k.Path, false)
			}
		}, done)
	})
}
