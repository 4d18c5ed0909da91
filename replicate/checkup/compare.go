package checkup

import (
	"context"
	"fmt"

	"duet/recovery/compare"
	"duet/replicate/inquiry"
	"duet/replicate/post"
	"duet/replicate/talk"
	"duet/store/index"
)

// Compare compares this node's index with the peer's, now, and emits the
// differences in walk order. It may be called from any goroutine, which then
// does the work.
func (c *Checkup) Compare(ctx context.Context, o compare.Options, emit func(compare.Difference) error) (compare.Summary, error) {
	with, err := c.askPeer(ctx)
	if err != nil {
		return compare.Summary{}, err
	}
	owners := c.Facts.SyncOwners && with.Hello.SyncOwners
	ask, err := inquiry.Ask(ctx, with.Conn.Open, owners)
	if err != nil {
		return compare.Summary{}, err
	}
	defer ask.Close()
	o.Ignored = func(d compare.Difference) bool {
		return c.Book.Ignores(&index.Record{Path: d.Path, Ours: d.Ours, Theirs: d.Theirs})
	}
	sum, err := compare.Run(ctx, compare.Index{View: c.Book.Store.View, Owners: owners}, ask.Peer(), o, emit)
	if err != nil && ctx.Err() == nil {
		err = lost(with, err)
	}
	return sum, err
}

// askPeer finds the session that a question goes over.
func (c *Checkup) askPeer(ctx context.Context) (post.Now, error) {
	return post.Result(ctx, c.Loop, c.asking)
}

// lost says that the peer has gone, if that is why a question had no answer.
func lost(with post.Now, err error) error {
	select {
	case <-with.Conn.Done():
		return fmt.Errorf("%s %w any more: %w", with.Hello.NodeName, talk.ErrApart, err)
	default:
		return err
	}
}

// asking finds the session that a comparison goes over, or says why there is none.
func (c *Checkup) asking() (post.Now, error) {
	now := c.Now()
	switch {
	case now.Halted:
		return now, fmt.Errorf("share %q is halted: %s", c.Share, now.Reason)
	case now.Conn == nil:
		why := ""
		if now.Apart != "" {
			why = " (" + now.Apart + ")"
		}
		return now, fmt.Errorf("share %q: %s %w%s: a comparison needs both nodes; see 'duet status'", c.Share, c.Peer, talk.ErrApart, why)
	case now.Hello.Protocol < inquiry.Since:
		return now, fmt.Errorf("%s runs duet %s, which cannot compare: upgrade duet there", c.Peer, now.Hello.Version)
	}
	return now, nil
}
