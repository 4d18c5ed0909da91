package checkup

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"duet/recovery/compare"
	"duet/store"
	"duet/store/index"
)

// verifyAfter is how soon after a start, or after having been interrupted, a
// verification by rule begins that is due.
const verifyAfter = time.Hour

// goOnAfter is the same of one that was interrupted, and goes on: a host that is
// started every day would have none otherwise.
const goOnAfter = 5 * time.Minute

// ByRule begins a verification when `verify_every` says so.
func (c *Checkup) ByRule(now time.Time) {
	every, is := c.Every, c.Now()
	if every <= 0 || is.Root == nil || !is.Ready || c.byRule {
		return
	}
	soon := now.Add(min(verifyAfter, every))
	if c.due.IsZero() {
		c.due = soon
		if c.half.Began != 0 {
			c.due = now.Add(min(goOnAfter, every))
		} else if last := c.contents.Ended; last != 0 {
			if next := now.Add(every - c.Clock().Sub(time.Unix(0, last))); next.After(soon) {
				c.due = next
			}
		}
	}
	if c.due.Before(c.room) {
		c.due = c.room
	}
	if now.Before(c.due) || c.look != nil {
		return
	}
	c.byRule = true
	ctx, from := is.Root, c.half
	if from.Began != 0 && c.Clock().Sub(time.Unix(0, from.Began)) > 2*every+time.Minute {
		from = store.Verified{} // what was read then says little by now
	}
	c.Start(func() func() {
		err := c.verifyOnce(ctx, from)
		return func() {
			c.byRule = false
			c.due = time.Now().Add(every)
			if err != nil {
				c.due = time.Now().Add(min(verifyAfter, every))
				c.Log.Info("verification was interrupted", "reason", err, "next", c.due)
			}
		}
	})
}

// Due returns when there may be one to begin by rule. Zero: not by time alone.
func (c *Checkup) Due() time.Time {
	if c.look != nil || c.byRule {
		return time.Time{}
	}
	return c.due
}

// verifyOnce is a verification that nobody watches. from is one that was
// interrupted.
func (c *Checkup) verifyOnce(ctx context.Context, from store.Verified) error {
	o := Order{Content: true, How: index.ByRule, From: from}
	out := Result{}
	var err error
	out.Here, err = c.verifyTree(ctx, o, sink{
		Found:    func(Finding) error { return nil },
		Progress: func(Totals) error { return nil },
	})
	if err != nil {
		return err
	}
	if err := c.compareVerified(ctx, o, func(compare.Difference) error { return nil }, &out); err != nil {
		return err
	}
	return c.saveVerified(ctx, out.Here)
}

// saveVerified writes down what a look at the whole tree came to.
func (c *Checkup) saveVerified(ctx context.Context, v store.Verified) error {
	return c.Write(ctx, func() error { return c.Book.Verified(v, c.Self) }, func(err error) { c.verified(v, err) })
}

// verified takes note of what a look came to, that is in the index now.
func (c *Checkup) verified(v store.Verified, err error) {
	c.Recall()
	if err != nil {
		return
	}
	level := slog.LevelInfo
	if v.Corrupt+v.Unreadable-v.Repaired+v.Drift > 0 {
		level = slog.LevelWarn
	}
	c.Log.Log(context.Background(), level, "verified", "paths", v.Paths, "content", v.Content, "bytes", v.Bytes, "by", v.How.String(),
		"missed", v.Missed, "corrupt", v.Corrupt, "unreadable", v.Unreadable, "repaired", v.Repaired, "failed", v.Failed,
		"compared", v.Compared, "drift", v.Drift, "took", time.Duration(v.Ended-v.Began).Round(time.Millisecond))
}

// Recall reads what the index says of the last looks.
func (c *Checkup) Recall() {
	contents, tree, err := c.Book.LastVerified()
	if err != nil {
		c.Halt(fmt.Errorf("read the last verification: %w", err))
		return
	}
	c.contents, c.tree = contents, tree
	if c.half, err = c.Book.HalfVerified(); err != nil {
		c.Halt(fmt.Errorf("read how far a verification is: %w", err))
	}
}
