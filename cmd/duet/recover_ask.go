package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"duet/cmd/duet/node"
	"duet/replicate/report"
)

// details shows every step.
func (r *recovering) details(ctx context.Context, name string, orders *report.Orders) error {
	v := &planView{recovering: r, most: -1}
	_, _, err := r.client.Plan(ctx, node.PlanRequest{Share: name, Orders: orders, All: true}, v.row)
	return err
}

// errEnough ends a walk through conflicts.
var errEnough = errors.New("enough")

// sides are the answers to a conflict. In capitals they are for all that follow.
var sides = map[string]string{"o": "ours", "t": "theirs", "n": "newest", "b": "both", "s": "skip", "r": "rule"}

const chooseHelp = `  o ours     what %s has       t theirs   what %s has
  n newest   the later one     b both     the loser gets a second name
  s skip     it waits          r rule     as the plan has it
  In capitals: for this one and all that follow.   q: enough, the rest as it is
`

// chooseAll asks for every conflict of the plan, and returns what the person
// wants then.
func (r *recovering) chooseAll(ctx context.Context, p *report.Plan, orders *report.Orders) (*report.Orders, error) {
	choices := map[string]string{}
	if orders != nil {
		for _, c := range orders.Choices {
			choices[c.Path] = c.Take
		}
	}
	fmt.Fprintf(r.err, chooseHelp, p.Node, p.Peer)
	rest, last := "", ""
	_, _, err := r.client.Plan(ctx, node.PlanRequest{Share: p.Share, Orders: orders, Conflicts: true}, func(row *node.PlanRow) error {
		s := row.Step
		if s == nil || s.Path == last || s.Of != "" {
			return nil
		}
		last = s.Path
		side := rest
		if side == "" {
			fmt.Fprint(r.err, stepText(s))
			answer, err := r.side()
			if err != nil {
				return err
			}
			if side = sides[strings.ToLower(answer)]; answer != strings.ToLower(answer) {
				rest = side
			}
		}
		if side == "rule" {
			delete(choices, s.Path)
		} else {
			choices[s.Path] = side
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	return merged(orders, choices), nil
}

// side asks until there is an answer.
func (r *recovering) side() (string, error) {
	for {
		fmt.Fprint(r.err, "    [o]urs, [t]heirs, [n]ewest, [b]oth, [s]kip, [r]ule, [q] enough? ")
		answer, err := r.line()
		switch {
		case err != nil, strings.EqualFold(answer, "q"):
			return "", errEnough
		case sides[strings.ToLower(answer)] != "":
			return answer, nil
		}
	}
}
