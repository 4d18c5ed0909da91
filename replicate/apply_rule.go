package replicate

import (
	"context"
	"fmt"

	"duet/replicate/plan"
	"duet/replicate/report"
	"duet/replicate/ruling"
	"duet/store/index"
)

// overrule settles what a plan settles otherwise than by the rules, a chunk at a
// time. skip are the paths for which that could not be done.
func (s *Share) overrule(ctx context.Context, w *plan.Settling, id string, progress func(done, total int)) (out ruling.Result, skip []index.Path, err error) {
	out = ruling.Result{Share: s.cfg.Name, Items: []ruling.Item{}}
	err = s.loop.orders.KeepingAll(ctx, func() error {
		for _, part := range []*plan.Settling{w.Seconds(), w} {
			for at, more := index.Root, true; more; {
				err := s.loop.orders.Chunk(ctx, &out, func(d *ruling.Desk, _ ruling.Peer) (errands []*ruling.Errand, work *ruling.Work, err error) {
					errands, at, more, err = d.LookWishes(part, at)
					return errands, d.WorkWishes(context.WithoutCancel(ctx), part, "plan "+id, errands, &out.Ruling), err
				})
				if progress != nil {
					progress(int(out.Kept+out.Replaced+out.Skipped+out.Failed), 0)
				}
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	out.Sort()
	if n := out.Skipped + out.Failed; err == nil && n > index.MaxReservePaths {
		return out, nil, fmt.Errorf("%s could not be settled as they were chosen: too many to leave them out one by one", report.Count(n, "path"))
	}
	for _, it := range out.Items {
		if it.Did != ruling.DidSkip && it.Did != ruling.DidFail {
			continue
		}
		raw, err := index.Unquote(it.Path)
		if err != nil {
			return out, nil, err
		}
		skip = append(skip, index.Path(raw))
	}
	return out, skip, err
}
