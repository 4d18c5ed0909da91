package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"duet/cmd/duet/exit"
	"duet/cmd/duet/inspect"
	"duet/recovery/compare"
	"duet/replicate"
	"duet/store/index"
)

// DiffRequest is what index diff asks for.
type DiffRequest struct {
	Share string `json:"share"`
	Under string `json:"under"` // raw path; "": everything
	All   bool   `json:"all"`   // what is the same, too
	Brief bool   `json:"brief"` // nothing but what it comes to
}

// diff answers with a row for each path, and one for what it comes to.
func (n *Node) diff(r *http.Request, out *Lines) error {
	var q DiffRequest
	u, err := n.asked(r, &q, &q.Share)
	if err != nil {
		return err
	}
	o := compare.Options{All: q.All && !q.Brief}
	if q.Under != "" {
		if o.Under, err = index.ParsePath(q.Under); err != nil {
			return exit.With(exit.Usage, err)
		}
	}
	names, err := inspect.NewNamesOf(n.cfg.Node, n.cfg.Peer.Name, u.share.View)
	if err != nil {
		return err
	}
	sum, err := u.share.Compare(r.Context(), o, func(d compare.Difference) error {
		if q.Brief {
			return nil
		}
		return out.Row(names.Differing(q.Share, d))
	})
	if err != nil {
		if errors.Is(err, replicate.ErrApart) {
			err = exit.With(exit.Unreachable, err)
		}
		return err
	}
	return out.Row(inspect.NewCompared(q.Share, n.cfg.Peer.Name, &sum))
}

// Diff has a share compared with the peer's, calls f with each row as it comes,
// and returns what it came to.
func (c *Client) Diff(ctx context.Context, q DiffRequest, f func(line []byte) error) (*inspect.Compared, error) {
	var sum inspect.Compared
	last := []byte(`,"done":true,`) // no path comes before it, in which the same could stand
	err := c.rows(ctx, "/v1/diff", q, func(line []byte) error {
		if before, _, ok := bytes.Cut(line, last); ok && !bytes.Contains(before, []byte(`"path":`)) {
			if err := json.Unmarshal(line, &sum); err != nil {
				return fmt.Errorf("read the daemon's answer: %w", err)
			}
		}
		return f(line)
	})
	if err == nil && !sum.Done {
		err = errors.New("the daemon ended before its answer did: ask again")
	}
	return &sum, err
}

// Agree compares a share with the peer's, and returns what that came to.
func (c *Client) Agree(ctx context.Context, share string) (*inspect.Compared, error) {
	return c.Diff(ctx, DiffRequest{Share: share, Brief: true}, func([]byte) error { return nil })
}
