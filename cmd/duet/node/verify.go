package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"duet/cmd/duet/exit"
	"duet/cmd/duet/inspect"
	"duet/recovery/compare"
	"duet/replicate"
	"duet/replicate/checkup"
	"duet/replicate/report"
	"duet/store"
	"duet/store/index"
)

// VerifyRequest is what verify asks for.
type VerifyRequest struct {
	Share   string `json:"share"`
	Under   string `json:"under"` // raw path; "": everything
	Content bool   `json:"content"`
	Repair  bool   `json:"repair"`
	Rate    int64  `json:"rate"` // bytes a second; 0: the configured one, negative: as fast as it goes
}

// progressEvery is how often an answer says how far each node is.
const progressEvery = time.Second

// verify answers with a row for each path that is not as it should be, rows on
// how far it is, and one for what it comes to.
func (n *Node) verify(r *http.Request, out *Lines) error {
	var q VerifyRequest
	u, err := n.asked(r, &q, &q.Share)
	if err != nil {
		return err
	}
	o := checkup.Order{Content: q.Content, Repair: q.Repair, Rate: q.Rate, How: index.ByUser}
	if q.Under != "" {
		if o.Under, err = index.ParsePath(q.Under); err != nil {
			return exit.With(exit.Usage, err)
		}
		err = u.share.View(func(tx *store.Tx) error {
			r, err := tx.Get(o.Under)
			if err == nil && r == nil {
				err = &inspect.ErrUnknownPath{Share: q.Share, Path: o.Under}
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	names, err := inspect.NewNamesOf(n.cfg.Node, n.cfg.Peer.Name, u.share.View)
	if err != nil {
		return err
	}
	began, said := time.Now(), map[string]time.Time{}
	v, err := u.share.Verify(r.Context(), o, checkup.Watch{
		Found: func(node string, f checkup.Finding) error { return out.Row(inspect.NewFound(q.Share, node, f)) },
		Progress: func(node string, t checkup.Totals) error {
			if time.Since(said[node]) < progressEvery {
				return nil
			}
			said[node] = time.Now()
			return out.Row(inspect.Verifying{Share: q.Share, Node: node, Progress: progressOf(began, o.Content, t)})
		},
		Drift: func(d compare.Difference) error { return out.Row(names.Differing(q.Share, d)) },
	})
	if err != nil {
		return err
	}
	return out.Row(n.verification(q.Share, &v))
}

func progressOf(began time.Time, content bool, t checkup.Totals) report.Verifying {
	p := report.Verifying{
		Since: began, By: index.ByUser.String(), Content: content,
		Files: t.Files, Bytes: t.Bytes, AllFiles: t.AllFiles, AllBytes: t.AllBytes,
	}
	if secs := time.Since(began).Seconds(); secs > 0 {
		p.Rate = float64(t.Bytes) / secs
	}
	if left := t.AllBytes - t.Bytes; left > 0 && p.Rate > 0 {
		p.Left = float64(left) / p.Rate
	}
	return p
}

func (n *Node) verification(share string, v *checkup.Result) inspect.Verification {
	row := inspect.Verification{
		Share: share, Done: true, Node: n.cfg.Node, Here: report.NewVerified(v.Here), Mended: v.Mended,
		Peer:  inspect.NewPeerVerified(n.cfg.Peer.Name, v.Peer, v.Repaired),
		Apart: errors.Is(v.Err, replicate.ErrApart) || errors.Is(v.PeerErr, replicate.ErrApart),
	}
	if v.PeerErr != nil {
		row.PeerError = v.PeerErr.Error()
	}
	if v.Err != nil {
		row.CompareError = v.Err.Error()
	}
	if v.Compared != nil {
		c := inspect.NewCompared(share, n.cfg.Peer.Name, v.Compared)
		row.Compared = &c
	}
	return row
}

// Verify has a share verified, calls f with each row as it comes, and returns
// what it came to.
func (c *Client) Verify(ctx context.Context, q VerifyRequest, f func(line []byte) error) (*inspect.Verification, error) {
	var sum inspect.Verification
	err := c.rows(ctx, "/v1/verify", q, func(line []byte) error {
		if before, _, ok := bytes.Cut(line, []byte(`,"done":true,`)); ok && !bytes.Contains(before, []byte(`"node":`)) {
			if err := json.Unmarshal(line, &sum); err != nil {
				return fmt.Errorf("read the daemon's answer: %w", err)
			}
		}
		return f(line)
	})
	if err == nil && (!sum.Done || sum.Here == nil) {
		err = errors.New("the daemon ended before its answer did: ask again")
	}
	return &sum, err
}
