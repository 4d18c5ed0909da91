package transfer

import (
	"context"
	"io"

	"duet/replicate/chunk"
)

// Stored asks the peer how many bytes of a content are no holes, and stops counting
// when they are more than most. The peer reads the content for that, but for its
// holes: it is for those that seem to be too large for the disk. What it says is
// only to be believed together with Want.Room.
func (f *Fetcher) Stored(ctx context.Context, w Want, most int64) (int64, error) {
	if !f.opt.Ranges || w.Size == 0 {
		return w.Size, nil
	}
	a := &assembly{f: f, j: newJob(w)}
	a.ctx, a.stop = context.WithCancelCause(ctx)
	defer a.stop(nil)
	l, err := openLine(a.ctx, &f.opt)
	if err != nil {
		return 0, err
	}
	defer l.end()
	theirs := a.askRecipe(l, 0, chunk.Coarse(w.Size, f.opt.Delta))
	stored, at := int64(0), int64(0)
	for stored <= most && at < w.Size {
		c, err := theirs.next()
		if err == io.EOF {
			return w.Size, nil // it does not say
		}
		if err != nil {
			return 0, err
		}
		if at += c.Len; c.Sum != chunk.Hole {
			stored += c.Len
		}
	}
	return max(stored, 1), nil
}
