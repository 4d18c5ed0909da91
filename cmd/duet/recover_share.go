package main

import (
	"bufio"
	"context"
	"fmt"
	"strings"
	"time"

	"duet/cmd/duet/exit"
	"duet/cmd/duet/node"
	"duet/replicate/report"
)

// share recovers one share. file is the plan to apply, if that is in one.
func (r *recovering) share(ctx context.Context, name string, file *planFile) error {
	st, err := r.settled(ctx, name)
	if err != nil {
		return err
	}
	orders := r.orders()
	if file != nil {
		orders = file.orders
	}
	if r.apply != "" {
		return r.applyGiven(ctx, name, file, orders)
	}
	// What is planned may change while a person reads it; Apply then refuses.
	const tries = 5
	for try := 0; ; {
		plan, sum, err := r.show(ctx, name, orders, st)
		if err != nil {
			return err
		}
		switch {
		case !plan.Connected:
			return exit.Errorf(exit.Unreachable, "share %q: the other host cannot be reached%s: start duet there, or see 'duet status'", name, because(st.LastError))
		case r.dryRun:
			return nil
		case !plan.Held && (orders == nil || sum.Steps+sum.Waits == 0):
			return r.finish(ctx, name, sum) // it is being applied already, or only has to be confirmed by the peer
		}
		chosen, err := r.agree(ctx, plan, sum, orders)
		if err != nil {
			return err
		}
		if chosen != nil {
			orders = chosen // and the plan with it is shown
			continue
		}
		err = r.applyPlan(ctx, name, node.ApplyRequest{Share: name, ID: plan.ID, Orders: orders})
		if err == nil {
			return r.finish(ctx, name, sum)
		}
		now, _, perr := r.client.Plan(ctx, node.PlanRequest{Share: name, Orders: orders, Brief: true}, nil)
		if try++; perr != nil || now.ID == plan.ID || try == tries {
			return err
		}
		fmt.Fprintf(r.err, "the plan changed meanwhile: %v\n", err)
	}
}

// applyGiven applies the plan that the command line names.
func (r *recovering) applyGiven(ctx context.Context, name string, file *planFile, orders *report.Orders) error {
	q := node.ApplyRequest{Share: name, ID: r.apply, Orders: orders}
	if file != nil {
		q.ID, q.Pin = file.head.ID, &file.head.Pin
		if q.Orders == nil {
			q.Orders = &report.Orders{}
		}
	}
	if err := r.applyPlan(ctx, name, q); err != nil {
		return err
	}
	return r.finish(ctx, name, nil)
}

func (r *recovering) applyPlan(ctx context.Context, name string, q node.ApplyRequest) error {
	line := newProgressLine(r.err)
	defer line.end()
	a, err := r.client.Apply(ctx, q, func(p node.Progress) {
		line.write(fmt.Sprintf("%s: %s settled", name, report.Count(p.Done, "path")))
	})
	line.end()
	if err != nil {
		return err
	}
	if r.json {
		return r.printJSON(struct {
			Applied any `json:"applied"`
		}{a})
	}
	if a.Plan != q.ID {
		r.printf("%s: plan %s, as it was changed from %s\n", name, a.Plan, q.ID)
	}
	if a.Ruled != nil && a.Ruled.Kept+a.Ruled.Replaced+a.Ruled.Skipped+a.Ruled.Failed > 0 {
		r.ruledText(a.Ruled, "")
	}
	return nil
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return " (" + why + ")"
}

// settled waits until the share has scanned, is connected and has heard all
// that the peer has to say, or until waiting is over.
func (r *recovering) settled(ctx context.Context, name string) (report.Status, error) {
	var st report.Status
	line := newProgressLine(r.err)
	defer line.end()
	// A scan takes as long as it takes; only waiting for the peer is bounded.
	since := time.Now()
	for {
		var err error
		if st, err = r.status(ctx, name); err != nil {
			return st, err
		}
		stands := st.Waiting != nil && st.Waiting.ID == report.EmptiedID
		switch {
		case st.State.Halted(), stands:
			line.end()
			if err := r.unhalt(ctx, name, st); err != nil {
				return st, err
			}
			since = time.Now()
		case st.State == report.Starting, st.State == report.Scanning:
			since = time.Now()
			line.show(name, st)
		case st.Connected && st.Behind == 0 && st.Dirty == 0 && st.State != report.Connecting:
			return st, nil
		case time.Since(since) > r.wait:
			return st, nil // the plan says that it is not connected
		default:
			line.show(name, st)
		}
		if err := pause(ctx); err != nil {
			return st, err
		}
	}
}

// unhalt goes on with a share that is halted, or whose root was found empty, if
// the person says so after having read what it means.
func (r *recovering) unhalt(ctx context.Context, name string, st report.Status) error {
	switch {
	case st.State == report.RootReplaced && r.acceptRoot:
		fmt.Fprintf(r.err, "share %q: %s is another directory than before. Taking it means: what the index knows and is not in it\n"+
			"counts as deleted, and is deleted on %s, too, within max_delete; what is in it and the index does not know is new.\n"+
			"If its filesystem is only not mounted, mount it instead.\n", name, st.Root, r.cfg.Peer.Name)
		if !r.yes && !r.confirmed("take it?") {
			return exit.Errorf(exit.Halted, "share %q: nothing was done", name)
		}
		return r.orderAndWait(ctx, name, node.AcceptRoot, "")
	case st.Waiting != nil && st.Waiting.ID == report.EmptiedID && r.acceptGone:
		fmt.Fprintf(r.err, "share %q: %s is empty, and was not. Accepting that means: %s are deleted on %s, too\n"+
			"(max_delete there still holds). To have it filled again from there instead: duet reject %s\n",
			name, st.Root, report.Count(st.Waiting.Deletes, "path"), r.cfg.Peer.Name, name)
		if !r.yes && !r.confirmed("let them be deleted?") {
			return exit.Errorf(exit.MaxDelete, "share %q: nothing was done", name)
		}
		return r.orderAndWait(ctx, name, node.Approve, report.EmptiedID)
	case st.State == report.RootReplaced:
		return exit.Errorf(exit.Halted, "share %q is %s: %s; --accept-root takes the directory that is there now", name, st.State, st.Reason)
	case st.State.Halted():
		return exit.Errorf(exit.Halted, "share %q is %s: %s; neither --accept-root nor --accept-empty is for that", name, st.State, st.Reason)
	}
	return exit.Errorf(exit.MaxDelete, "share %q waits: %s; here: --accept-empty lets everything be deleted on %s, too", name, st.Reason, r.cfg.Peer.Name)
}

// agree asks the person at the terminal, if anybody has to be asked. It returns
// what the person wants now if that is not what the plan is of.
func (r *recovering) agree(ctx context.Context, p *report.Plan, sum *report.Sum, orders *report.Orders) (*report.Orders, error) {
	if r.yes {
		return nil, nil
	}
	for {
		fmt.Fprintf(r.err, "share %s, plan %s: [a]pply, [d]etails, [c]hoose per conflict, [q]uit? ", p.Share, p.ID)
		answer, err := r.line()
		if err != nil {
			answer = "q"
		}
		switch strings.ToLower(answer) {
		case "a", "apply":
			return nil, nil
		case "d", "details":
			if err := r.details(ctx, p.Share, orders); err != nil {
				return nil, err
			}
		case "c", "choose":
			if sum.Here.Conflicts+sum.Peer.Conflicts == 0 {
				fmt.Fprintf(r.err, "there is no conflict in this plan\n")
				continue
			}
			return r.chooseAll(ctx, p, orders)
		case "q", "quit":
			return nil, exit.Errorf(exit.Partial, "share %q: nothing was applied", p.Share)
		}
	}
}

// line is what the person types.
func (a *app) line() (string, error) {
	if a.typed == nil {
		a.typed = bufio.NewReader(a.in)
	}
	s, err := a.typed.ReadString('\n')
	if err != nil && s == "" {
		return "", err
	}
	return strings.TrimSpace(s), nil
}

// confirmed asks the person at the terminal.
func (a *app) confirmed(question string) bool {
	fmt.Fprintf(a.err, "%s [y/N] ", question)
	answer, err := a.line()
	answer = strings.ToLower(answer)
	return err == nil && (answer == "y" || answer == "yes")
}
