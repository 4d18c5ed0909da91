package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"duet/cmd/duet/exit"
	"duet/cmd/duet/inspect"
	"duet/diff"
	"duet/replicate"
	"duet/replicate/ruling"
	"duet/store/index"
)

// ResolveRequest is what conflicts resolve asks for.
type ResolveRequest struct {
	Share    string   `json:"share"`
	Patterns []string `json:"patterns"` // raw paths or globs; any of them selects
	Take     string   `json:"take"`     // ours, theirs, newest, winner, loser or a node's name
	Force    bool     `json:"force"`
	DryRun   bool     `json:"dry_run"`
}

// TakeBackRequest is what conflicts undo asks for.
type TakeBackRequest struct {
	Share  string `json:"share"`
	Ruling uint64 `json:"ruling"` // 0: the last
}

// Progress is a row of an answer that takes its time.
type Progress struct {
	Done  int `json:"done"`
	Total int `json:"total"`
}

// settled is the last row.
type settled struct {
	Result *ruling.Result `json:"result"`
}

// unreachable gives an error that the peer's absence caused its exit status.
func unreachable(err error) error {
	if errors.Is(err, replicate.ErrApart) {
		return exit.With(exit.Unreachable, err)
	}
	return err
}

func (n *Node) resolve(r *http.Request, out *Lines) error {
	var q ResolveRequest
	u, err := n.asked(r, &q, &q.Share)
	if err != nil {
		return err
	}
	o := ruling.Order{Force: q.Force, DryRun: q.DryRun}
	if o.Take, err = diff.ParseChoice(q.Take, map[string]index.NodeID{n.cfg.Node: n.id, n.cfg.Peer.Name: n.peer}); err != nil {
		return exit.With(exit.Usage, fmt.Errorf("--take: %w", err))
	}
	if o.Match, err = anyOf(q.Patterns); err != nil {
		return err
	}
	res, err := u.share.Resolve(r.Context(), o, progress(out))
	return finish(out, res, err)
}

func (n *Node) takeBack(r *http.Request, out *Lines) error {
	var q TakeBackRequest
	u, err := n.asked(r, &q, &q.Share)
	if err != nil {
		return err
	}
	res, err := u.share.TakeBack(r.Context(), q.Ruling, progress(out))
	return finish(out, res, err)
}

// progress sends how far an order has come.
func progress(out *Lines) func(done, total int) {
	return func(done, total int) {
		_ = out.Row(Progress{done, total}) // if nobody listens any more, the request's context ends the order
	}
}

// finish sends what became of an order, also if it stopped half way.
func finish(out *Lines, res ruling.Result, err error) error {
	if err != nil && res.Kept+res.Replaced+res.Skipped+res.Failed == 0 {
		return unreachable(err)
	}
	return errors.Join(out.Row(settled{&res}), unreachable(err))
}

// anyOf selects what any of the patterns does.
func anyOf(patterns []string) (func(index.Path) bool, error) {
	var all []func(index.Path) bool
	for _, text := range patterns {
		match, err := inspect.Matcher(text)
		if err != nil {
			return nil, err
		}
		all = append(all, match)
	}
	return func(p index.Path) bool {
		for _, match := range all {
			if match(p) {
				return true
			}
		}
		return false
	}, nil
}

// Resolve has a share's conflicts settled; f hears of the progress.
func (c *Client) Resolve(ctx context.Context, q ResolveRequest, f func(Progress)) (*ruling.Result, error) {
	return c.settle(ctx, "/v1/conflicts/resolve", q, f)
}

// TakeBack has an order taken back.
func (c *Client) TakeBack(ctx context.Context, q TakeBackRequest, f func(Progress)) (*ruling.Result, error) {
	return c.settle(ctx, "/v1/conflicts/undo", q, f)
}

func (c *Client) settle(ctx context.Context, path string, q any, f func(Progress)) (*ruling.Result, error) {
	return withProgress(ctx, c, path, q, f, func(s settled) *ruling.Result { return s.Result }, "'duet conflicts ls' for what it did")
}

// withProgress asks for long work, whose rows say how far it is and whose last
// row has the result; look is the command that says what was done if that row
// never comes.
func withProgress[R, T any](ctx context.Context, c *Client, path string, q any, f func(Progress), result func(R) *T, look string) (*T, error) {
	var out *T
	err := c.rows(ctx, path, q, func(line []byte) error {
		var p Progress
		var last R
		if err := errors.Join(json.Unmarshal(line, &p), json.Unmarshal(line, &last)); err != nil {
			return fmt.Errorf("read the daemon's answer: %w", err)
		}
		if out = result(last); out == nil {
			f(p)
		}
		return nil
	})
	if err == nil && out == nil {
		err = fmt.Errorf("the daemon ended before its answer did: see %s", look)
	}
	return out, err
}

// SidesRequest is what conflicts diff asks for.
type SidesRequest struct {
	Share string `json:"share"`
	Path  string `json:"path"` // raw
}

// Side is one side of a conflict, with its content.
type Side struct {
	Entry   *inspect.Entry `json:"entry"`
	Content []byte         `json:"content,omitempty"`
	Error   string         `json:"error,omitempty"` // why there is no content
	Away    bool           `json:"away,omitempty"`  // because the peer is
	Large   bool           `json:"large,omitempty"` // because it is too large
}

// Sides are both.
type Sides struct {
	Ours   Side `json:"ours"`
	Theirs Side `json:"theirs"`
	Held   bool `json:"held"`
}

// maxShown bounds the contents of which the difference is shown.
const maxShown = 4 << 20

func (n *Node) sides(r *http.Request) (any, error) {
	var q SidesRequest
	u, err := n.asked(r, &q, &q.Share)
	if err != nil {
		return nil, err
	}
	p, err := index.ParsePath(q.Path)
	if err != nil {
		return nil, exit.With(exit.Usage, err)
	}
	names, err := inspect.NewNamesOf(n.cfg.Node, n.cfg.Peer.Name, u.share.View)
	if err != nil {
		return nil, err
	}
	d, err := u.share.Sides(r.Context(), p, maxShown)
	if err != nil {
		return nil, err
	}
	if d == nil {
		return nil, exit.Errorf(exit.Partial, "share %q: no conflict is open at %v: see 'duet conflicts ls'", q.Share, p)
	}
	out := &Sides{Held: d.Held}
	for i, s := range []*Side{&out.Ours, &out.Theirs} {
		e := []*index.Entry{d.Ours, d.Theirs}[i]
		s.Entry, s.Content = names.Entry(e), d.Contents[i]
		if err := d.Errs[i]; err != nil {
			s.Error, s.Away, s.Large = err.Error(), errors.Is(err, ruling.ErrAway), errors.Is(err, ruling.ErrLarge)
		}
	}
	return out, nil
}

// Sides has a share read both sides of a conflict.
func (c *Client) Sides(ctx context.Context, q SidesRequest) (*Sides, error) {
	var out Sides
	return &out, c.post(ctx, "/v1/conflicts/sides", q, &out)
}
