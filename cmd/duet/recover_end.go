package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"duet/cmd/duet/exit"
	"duet/cmd/duet/inspect"
	"duet/cmd/duet/node"
	"duet/replicate/report"
)

// status is one share's.
func (r *recovering) status(ctx context.Context, name string) (report.Status, error) {
	s, err := r.client.Status(ctx)
	if err != nil {
		return report.Status{}, err
	}
	for _, sh := range s.Shares {
		if sh.Name == name {
			return sh, nil
		}
	}
	return report.Status{}, exit.Errorf(exit.Usage, "the running daemon has no share %q: restart it if the config changed", name)
}

// pause is the pace at which a daemon is asked how it is.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(100 * time.Millisecond):
		return nil
	}
}

// orderAndWait has the share go on from a halt, and waits until it does.
func (r *recovering) orderAndWait(ctx context.Context, name string, order node.Order, id string) error {
	params := url.Values{}
	if id != "" {
		params.Set("id", id)
	}
	if err := r.client.Order(ctx, order, name, params); err != nil {
		return err
	}
	for {
		st, err := r.status(ctx, name)
		if err != nil {
			return err
		}
		if !st.State.Halted() && (st.Waiting == nil || st.Waiting.ID != report.EmptiedID) {
			return nil
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

// How long nothing may happen before a person is told how things are.
const (
	quietWaits = time.Second      // what is left waits for a person, or is in trouble
	quietPeer  = 15 * time.Second // only the peer knows what it waits for
)

// finish shows the progress until all is done that can be, and verifies.
func (r *recovering) finish(ctx context.Context, name string, sum *report.Sum) error {
	bar := newBar(r.err, name, sum)
	defer bar.end()
	var last report.Status
	since := time.Now()
	for {
		st, err := r.status(ctx, name)
		if err != nil {
			return err
		}
		bar.show(st)
		if moved(last, st) {
			last, since = st, time.Now()
		}
		quiet := time.Since(since)
		code := shareCode(st)
		switch {
		case st.InSync(), code == exit.Halted, code == exit.Unreachable:
			bar.end()
			return r.outcome(ctx, name)
		case quiet > quietWaits && st.Blocked() != nil, quiet > quietPeer && st.Progress == nil:
			bar.end()
			return r.outcome(ctx, name)
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

// moved reports whether something has happened between two looks.
func moved(a, b report.Status) bool {
	return a.State != b.State || a.PendingIn != b.PendingIn || a.PendingOut != b.PendingOut || a.Head != b.Head ||
		a.Heard != b.Heard || a.Behind != b.Behind || a.Acked != b.Acked || bytesOf(a) != bytesOf(b)
}

func bytesOf(st report.Status) int64 {
	if st.Progress == nil {
		return 0
	}
	return st.Progress.Bytes
}

// stands reports whether nothing goes on by itself.
func stands(st report.Status) bool {
	return st.State == report.WaitingApproval || st.State == report.Degraded || st.State == report.Paused
}

// outcome says how the share is now, having checked its index.
func (r *recovering) outcome(ctx context.Context, name string) error {
	st, err := r.status(ctx, name)
	if err != nil {
		return err
	}
	answer, err := ask(ctx, r.cfg, inspect.Query{Kind: inspect.Check, Share: name})
	if err != nil {
		return err
	}
	defer answer.Close()
	p := inspect.NewPrinter(r.err, inspect.Check, inspect.Style{})
	if err := p.Print(answer); err != nil {
		return err
	}
	if p.Broken > 0 {
		return exit.Errorf(exit.Halted, "share %q: the index is not sound", name)
	}
	sum, err := r.compared(ctx, name, st)
	if err != nil {
		return err
	}
	left, err := r.left(ctx, name, st)
	if err != nil {
		return err
	}
	code := shareCode(st)
	if code == exit.OK && sum != nil && sum.Drift() > 0 {
		code = exit.Partial
	}
	if r.json {
		err := r.printJSON(st)
		if sum != nil {
			err = errors.Join(err, r.printJSON(sum))
		}
		return errors.Join(err, exit.Silent(code))
	}
	for _, line := range left {
		r.printf("%s: %s\n", name, line)
	}
	switch {
	case sum != nil && sum.Drift() > 0:
		r.printf("%s%s: see 'duet index diff %s:'\n", sum.Text(), name, name)
	case code == exit.OK && st.InSync():
		r.printf("%s: in sync, %s, %s%s\n", name, report.Count(st.Files, "file"), sizeText(st.Bytes), sum.Agreed())
	case code == exit.OK:
		r.printf("%s: %s\n", name, st.State)
	default:
		var notes strings.Builder
		shareNotes(&notes, st, true, time.Now())
		r.printf("%s: %s\n%s", name, st.State, notes.String())
	}
	return exit.Silent(code)
}

// left says what of the plan is left, and why: a line for each reason.
func (r *recovering) left(ctx context.Context, name string, st report.Status) ([]string, error) {
	if !st.Connected || st.InSync() {
		return nil, nil
	}
	type waiting struct {
		n     int64
		first string
	}
	why := map[string]*waiting{}
	_, _, err := r.client.Plan(ctx, node.PlanRequest{Share: name}, func(row *node.PlanRow) error {
		s := row.Step
		if s == nil {
			return nil
		}
		reason := s.Waits
		if reason == "" {
			reason = "it was not done, and is tried again; see 'duet status'"
			if st.LeftOut != nil {
				reason = "left out of plan " + st.LeftOut.Plan
			}
		}
		if why[reason] == nil {
			why[reason] = &waiting{first: s.Path}
		}
		why[reason].n++
		return nil
	})
	var lines []string
	for _, reason := range slices.Sorted(maps.Keys(why)) {
		w := why[reason]
		line := fmt.Sprintf("%s waiting: %s (%s", report.Count(w.n, "step"), reason, w.first)
		if w.n > 1 {
			line += ", ..."
		}
		lines = append(lines, line+")")
	}
	return lines, err
}

// compared checks by digest that both sides have the same; nil if that cannot be
// told now.
func (r *recovering) compared(ctx context.Context, name string, st report.Status) (*inspect.Compared, error) {
	if !st.Connected {
		return nil, nil
	}
	sum, err := r.client.Agree(ctx, name)
	if err == nil {
		return sum, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	fmt.Fprintf(r.err, "not compared with the other side: %v\n", err)
	return nil, nil
}
