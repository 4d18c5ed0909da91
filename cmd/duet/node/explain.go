package node

import (
	"context"
	"net/http"

	"duet/cmd/duet/config"
	"duet/cmd/duet/exit"
	"duet/cmd/duet/explain"
	"duet/store"
	"duet/store/index"
)

// Setting is what the config says of a share, for explain.
func Setting(cfg *config.Config, s config.Share) explain.Setting {
	return explain.Setting{
		Self: cfg.Node, Peer: cfg.Peer.Name, Root: s.Path, Conflict: s.Conflict, Deletes: s.Deletes,
		Ignore: s.Ignore, IgnoredAt: cfg.IgnoredAt(s.Name),
	}
}

func (n *Node) explain(r *http.Request) (any, error) {
	var q explain.Question
	u, err := n.asked(r, &q, &q.Share)
	if err != nil {
		return nil, err
	}
	p, err := index.ParsePath(q.Path)
	if err != nil {
		return nil, exit.With(exit.Usage, err)
	}
	set := Setting(n.cfg, u.cfg)
	if set.Live, err = u.share.Moment(r.Context(), p); err != nil {
		return nil, err
	}
	var answer *explain.Answer
	err = u.share.View(func(tx *store.Tx) error {
		answer, err = explain.Explain(tx, q, set)
		return err
	})
	return answer, err
}

// Explain has the daemon explain a path.
func (c *Client) Explain(ctx context.Context, q explain.Question) (*explain.Answer, error) {
	var a explain.Answer
	return &a, c.post(ctx, "/v1/explain", q, &a)
}
