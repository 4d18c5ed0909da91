package node

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"duet/cmd/duet/exit"
	"duet/cmd/duet/inspect"
	"duet/replicate/expiry"
	"duet/replicate/restore"
	"duet/store/index"
)

// PruneRequest is what kept prune asks for.
type PruneRequest struct {
	Share     string         `json:"share"`
	Window    inspect.Window `json:"window"`
	Narrow    bool           `json:"narrow"`     // Window selects
	OlderThan string         `json:"older_than"` // with any of these three, they stand in for the share's limits
	Versions  string         `json:"versions"`
	Size      string         `json:"size"`
	DryRun    bool           `json:"dry_run"`
}

// limits are those of the request; nil: the configured ones.
func (q *PruneRequest) limits() (*expiry.Limits, error) {
	if q.OlderThan == "" && q.Versions == "" && q.Size == "" {
		return nil, nil
	}
	var l expiry.Limits
	var errs []error
	note := func(flag string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s %w", flag, err))
		}
	}
	var err error
	if q.OlderThan != "" {
		l.Age, err = expiry.ParseAge(q.OlderThan)
		l.Age = max(l.Age, 1) // 0s is everything, and not off
		note("--older-than", err)
	}
	if q.Versions != "" {
		l.Versions, err = expiry.ParseVersions(q.Versions)
		note("--versions", err)
	}
	if q.Size != "" {
		l.Size, err = expiry.ParseAmount(q.Size)
		if err == nil && l.Size == (expiry.Amount{}) && q.Size != "off" {
			err = errors.New("0 would be no limit, as it is in the config: to let all go write --older-than 0s")
		}
		note("--size", err)
	}
	if len(errs) > 0 {
		return nil, exit.With(exit.Usage, errors.Join(errs...))
	}
	return &l, nil
}

// selects is what a window selects of a share's kept versions.
func (n *Node) selects(u *unit, w inspect.Window) (func(*index.Kept) bool, error) {
	names, err := inspect.NewNamesOf(n.cfg.Node, n.cfg.Peer.Name, u.share.View)
	if err != nil {
		return nil, err
	}
	return w.Match(names)
}

func (n *Node) prune(r *http.Request) (any, error) {
	var q PruneRequest
	u, err := n.asked(r, &q, &q.Share)
	if err != nil {
		return nil, err
	}
	match, err := n.selects(u, q.Window)
	if err != nil {
		return nil, err
	}
	o := expiry.Order{DryRun: q.DryRun}
	if o.Limits, err = q.limits(); err != nil {
		return nil, err
	}
	if q.Narrow {
		o.Match = match
	}
	return u.share.Prune(r.Context(), o)
}

// Prune has a share remove kept versions.
func (c *Client) Prune(ctx context.Context, q PruneRequest) (*expiry.Pruned, error) {
	var out expiry.Pruned
	return &out, c.post(ctx, "/v1/kept/prune", q, &out)
}

// RestoreRequest is what kept restore asks for, of a window.
type RestoreRequest struct {
	Share  string         `json:"share"`
	Window inspect.Window `json:"window"`
	Force  bool           `json:"force"`
	DryRun bool           `json:"dry_run"`
}

func (n *Node) restoreWindow(r *http.Request) (any, error) {
	var q RestoreRequest
	u, err := n.asked(r, &q, &q.Share)
	if err != nil {
		return nil, err
	}
	match, err := n.selects(u, q.Window)
	if err != nil {
		return nil, err
	}
	return u.share.RestoreWindow(r.Context(), restore.Order{Match: match, Force: q.Force, DryRun: q.DryRun})
}

// RestoreWindow has a share bring kept versions back.
func (c *Client) RestoreWindow(ctx context.Context, q RestoreRequest) (*restore.Result, error) {
	var out restore.Result
	return &out, c.post(ctx, "/v1/kept/restore", q, &out)
}
