package rounds

import (
	"errors"

	"duet/replicate/transfer"
	"duet/replicate/wire"
	"duet/store/index"
)

// Outdated reports whether a content could not be had because the peer has
// something else there by now. It is about to tell of that: then nothing is left of
// the trouble, and there is nothing to wait for.
func Outdated(err error) bool {
	var refused *transfer.RefusedError
	return errors.As(err, &refused) && (refused.Refusal == wire.Changed || refused.Refusal == wire.Gone)
}

// Outrun reports whether p failed in b for a reason that is outdated already: the
// peer has told of its next state since b was made, one that b knows nothing of.
func (r *Rounds) Outrun(b *Batch, p index.Path, err error) bool {
	if !Outdated(err) {
		return false
	}
	rec, err := r.Book.Get(p)
	if err != nil || rec == nil || rec.Theirs == nil {
		return err == nil
	}
	order := rec.Theirs.Version.Compare(b.Entry(p).Version)
	return order == index.After || order == index.Concurrent
}
