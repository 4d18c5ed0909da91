package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"duet/cmd/duet/exit"
	"duet/replicate"
	"duet/replicate/plan"
	"duet/replicate/report"
)

// maxAsked bounds a request with choices path by path.
const maxAsked = 32 << 20

// PlanRequest asks for a plan.
type PlanRequest struct {
	Share     string         `json:"share"`
	Orders    *report.Orders `json:"orders,omitempty"`    // what is wanted otherwise than by the rules
	All       bool           `json:"all,omitempty"`       // every path that a side changed
	Brief     bool           `json:"brief,omitempty"`     // no steps
	Conflicts bool           `json:"conflicts,omitempty"` // no steps but conflicts
}

// PlanRow is one line of a plan; one of its fields is set.
type PlanRow struct {
	Did  *report.DidPath `json:"did,omitempty"`
	Plan *report.Plan    `json:"plan,omitempty"`
	Step *report.Step    `json:"step,omitempty"`
	Sum  *report.Sum     `json:"sum,omitempty"`
}

// plan answers from a spool: see query. However long a plan is, and however
// slowly it is read, neither memory nor a transaction is held for it.
func (n *Node) plan(r *http.Request) (any, error) {
	var q PlanRequest
	u, err := n.asked(r, &q, &q.Share)
	if err != nil {
		return nil, err
	}
	s := &spool{dir: n.cfg.State}
	enc := json.NewEncoder(s)
	enc.SetEscapeHTML(false)
	emit := plan.Emit{Plan: func(p *report.Plan) error { return enc.Encode(PlanRow{Plan: p}) }}
	if q.All {
		emit.Did = func(d report.DidPath) error { return enc.Encode(PlanRow{Did: &d}) }
	}
	if !q.Brief {
		emit.Step = func(st *report.Step) error {
			if q.Conflicts && !st.Conflict {
				return nil
			}
			return enc.Encode(PlanRow{Step: st})
		}
	}
	_, sum, err := u.share.Plan(r.Context(), q.Orders, emit)
	if err == nil {
		err = enc.Encode(PlanRow{Sum: sum})
	}
	if err != nil {
		return nil, errors.Join(usage(err), s.Close())
	}
	return s, s.rewind()
}

// usage gives an error of what was asked for its exit status.
func usage(err error) error {
	var wrong *plan.WrongOrders
	if errors.As(err, &wrong) {
		return exit.With(exit.Usage, err)
	}
	return unreachable(err)
}

// Plan has a share make a plan. It calls f with every row, in order, and returns
// the plan's head and its sum.
func (c *Client) Plan(ctx context.Context, q PlanRequest, f func(*PlanRow) error) (p *report.Plan, sum *report.Sum, err error) {
	err = c.rows(ctx, "/v1/plan", q, func(line []byte) error {
		var row PlanRow
		if err := json.Unmarshal(line, &row); err != nil {
			return fmt.Errorf("read the daemon's answer: %w", err)
		}
		switch {
		case row.Plan != nil:
			p = row.Plan
		case row.Sum != nil:
			sum = row.Sum
		}
		if f == nil {
			return nil
		}
		return f(&row)
	})
	if err == nil && (p == nil || sum == nil) {
		err = errors.New("the daemon ended before its answer did: ask again")
	}
	return p, sum, err
}

// ApplyRequest asks for a plan to be applied.
type ApplyRequest struct {
	Share  string         `json:"share"`
	ID     string         `json:"id"`
	Orders *report.Orders `json:"orders,omitempty"` // nil: as the plan of that id was asked for
	Pin    *report.Pin    `json:"pin,omitempty"`    // the state that it is of; nil: that of the id
}

// applied is the last row of the answer.
type applied struct {
	Applied *replicate.Application `json:"applied"`
}

func (n *Node) apply(r *http.Request, out *Lines) error {
	var q ApplyRequest
	u, err := n.asked(r, &q, &q.Share)
	if err != nil {
		return err
	}
	a, err := u.share.Apply(r.Context(), replicate.Applying{ID: q.ID, Asked: q.Orders, Pin: q.Pin}, progress(out))
	if err != nil {
		return usage(err)
	}
	return out.Row(applied{a})
}

// Apply has a plan applied; f hears of the progress of what is settled before
// both nodes go on.
func (c *Client) Apply(ctx context.Context, q ApplyRequest, f func(Progress)) (*replicate.Application, error) {
	return withProgress(ctx, c, "/v1/apply", q, f, func(a applied) *replicate.Application { return a.Applied }, "'duet recover --dry-run' for what is left")
}
