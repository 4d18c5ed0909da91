package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"duet/cmd/duet/node"
	"duet/replicate/report"
)

// shownSteps is how many steps a person is shown who is then asked.
const shownSteps = 30

// show prints a plan for people, or as JSON, and writes it to a file if that is
// wanted.
func (r *recovering) show(ctx context.Context, name string, orders *report.Orders, st report.Status) (*report.Plan, *report.Sum, error) {
	var file *planWriter
	if r.planFile != "" {
		var err error
		if file, err = newPlanWriter(r.planFile); err != nil {
			return nil, nil, err
		}
		defer file.abandon()
	}
	most := int64(shownSteps)
	if r.dryRun || r.all || r.yes {
		most = -1
	}
	v := &planView{recovering: r, most: most}
	plan, sum, err := r.client.Plan(ctx, node.PlanRequest{Share: name, Orders: orders, All: r.all}, func(row *node.PlanRow) error {
		err := v.row(row)
		if file != nil {
			err = errors.Join(err, file.row(row))
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if file != nil && plan.Connected {
		if err := file.commit(); err != nil {
			return nil, nil, err
		}
		fmt.Fprintf(r.err, "plan %s is in %s\n", plan.ID, r.planFile)
	}
	if !r.json && plan.Connected && sum.Steps+sum.Waits == 0 {
		r.printf("%s: nothing to do%s\n", name, lastOutage(st.Outage, plan.Outage))
	}
	return plan, sum, nil
}

// planView prints a plan as it comes.
type planView struct {
	*recovering
	plan  *report.Plan
	began bool  // the list of steps has
	most  int64 // steps shown; -1: all
	shown int64
	more  int64
}

func (v *planView) row(row *node.PlanRow) error {
	if v.json {
		return v.printJSON(row)
	}
	switch {
	case row.Did != nil:
		v.printf("%s  %-8s %s%s\n", row.Did.Node, row.Did.Did, row.Did.Path, didDetail(row.Did))
	case row.Plan != nil:
		v.plan = row.Plan
	case row.Step != nil:
		if !v.began {
			v.head()
		}
		if v.most >= 0 && v.shown == v.most {
			v.more++
			return nil
		}
		v.shown++
		v.printf("%s", stepText(row.Step))
	case row.Sum != nil:
		v.sum(row.Sum)
	}
	return nil
}

func didDetail(d *report.DidPath) string {
	var text string
	switch {
	case d.Kind == "directory":
		text = "/"
	case d.Kind == "file":
		text = "  " + sizeText(d.Size)
	}
	if d.From != "" {
		text += ", was " + d.From
	}
	return text
}

func (v *planView) head() {
	v.began = true
	var b strings.Builder
	headText(&b, v.plan)
	b.WriteString("  steps\n")
	v.printf("%s", b.String())
}

// headText is what comes before the steps.
func headText(b *strings.Builder, p *report.Plan) {
	fmt.Fprintf(b, "share %s, plan %s\n", p.Share, p.ID)
	if p.Outage != nil {
		fmt.Fprintf(b, "  apart %s\n", outageText(p.Outage))
	}
	if p.Connected {
		fmt.Fprintf(b, "  clocks: %s\n", skewText(p.Peer, p.Node, p.ClockSkewMS))
	}
	didText(b, p.Node, p.Ours)
	didText(b, p.Peer, p.Theirs)
	if p.Held {
		fmt.Fprintf(b, "  held: %s\n", p.HeldWhy)
	}
	fmt.Fprintf(b, "  rules: conflict: %s, deletes: %s\n", p.Conflict, p.Deletes)
	if o := p.Changes; o != nil {
		fmt.Fprintf(b, "  this plan: %s\n", ordersText(o))
	}
	for _, f := range p.Foreseen {
		if p.Waiting != nil && f.Node == p.Node {
			continue // it waits already
		}
		where := ""
		if f.Under != "" {
			where = " at and below " + f.Under
		}
		if f.Lately > 0 {
			where += fmt.Sprintf(", with the %d just before,", f.Lately)
		}
		fmt.Fprintf(b, "  %s of %d%s are more than max_delete %s on %s: they will wait there for 'duet approve %s' or 'duet reject %s'\n",
			report.Count(f.Deletes, "delete"), f.Total, where, f.Limit, f.Node, p.Share, p.Share)
	}
	if !p.PeerGuard && p.Ours.Deleted > 0 {
		fmt.Fprintf(b, "  %s has not said what its max_delete is: deletes may wait there for approval\n", p.Peer)
	}
	if w := p.Waiting; w != nil {
		fmt.Fprintf(b, "  %s of %d wait for approval: %s\n", report.Count(w.Deletes, "delete"), w.Total, w.Reason)
	}
}

func ordersText(o *report.Orders) string {
	var parts []string
	if o.Conflict != "" {
		parts = append(parts, "--conflict "+o.Conflict)
	}
	if o.Deletes != "" {
		parts = append(parts, "--deletes "+o.Deletes)
	}
	for _, p := range o.Paths {
		parts = append(parts, "--path "+p)
	}
	if n := len(o.Choices); n > 0 {
		parts = append(parts, report.Count(n, "choice"))
	}
	return strings.Join(parts, ", ")
}

func skewText(peer, self string, ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	switch {
	case d.Abs() < time.Second:
		return "they agree within a second"
	case d > 0:
		return fmt.Sprintf("that of %s is %v ahead of %s's", peer, d.Round(100*time.Millisecond), self)
	}
	return fmt.Sprintf("that of %s is %v behind %s's", peer, (-d).Round(100*time.Millisecond), self)
}

func (v *planView) sum(sum *report.Sum) {
	if !v.began {
		if !v.plan.Connected {
			v.head()
			v.printf("    none, as far as is known here\n")
		}
		return
	}
	if v.more > 0 {
		v.printf("    and %s: 'details', or --all, shows them\n", report.Count(v.more, "more step"))
	}
	var b strings.Builder
	totalsText(&b, v.plan.Node, sum.Here)
	totalsText(&b, v.plan.Peer, sum.Peer)
	if sum.Waits > 0 {
		fmt.Fprintf(&b, "  %s will not be done by this plan, and wait: see the words after 'waits'\n", report.Count(sum.Waits, "step"))
	}
	v.printf("%s", b.String())
}

func lastOutage(found ...*report.Outage) string {
	for _, o := range found {
		if o != nil {
			return "; the last outage was " + outageText(o)
		}
	}
	return ""
}

func outageText(o *report.Outage) string {
	text := "from " + timeText(o.From)
	if !o.To.IsZero() {
		text += " to " + timeText(o.To) + " (" + o.To.Sub(o.From).Round(time.Second).String() + ")"
	} else {
		text += " (" + time.Since(o.From).Round(time.Second).String() + " by now)"
	}
	if o.Kind != "" {
		text += ", " + o.Kind
	}
	if o.Why != "" {
		text += ": " + o.Why
	}
	return text
}

func didText(b *strings.Builder, who string, d report.Did) {
	var parts []string
	for _, n := range []struct {
		n    int64
		word string
	}{{d.Created, "created"}, {d.Changed, "changed"}, {d.Touched, "touched"}, {d.Renamed, "renamed"}, {d.Deleted, "deleted"}} {
		if n.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n.n, n.word))
		}
	}
	if len(parts) == 0 {
		fmt.Fprintf(b, "  %s did nothing meanwhile\n", who)
		return
	}
	fmt.Fprintf(b, "  %s meanwhile: %s", who, strings.Join(parts, ", "))
	if d.Bytes > 0 {
		fmt.Fprintf(b, " (%s)", sizeText(d.Bytes))
	}
	total := d.Created + d.Changed + d.Touched + d.Deleted + d.Renamed
	fmt.Fprintf(b, ": %s", strings.Join(d.First, ", "))
	if int64(len(d.First)) < total {
		b.WriteString(", ... (--all shows every one)")
	}
	b.WriteByte('\n')
	if total > 1 && len(d.Largest) > 0 {
		var list []string
		for _, s := range d.Largest {
			list = append(list, fmt.Sprintf("%s %s", s.Path, sizeText(s.Size)))
		}
		fmt.Fprintf(b, "    the largest: %s\n", strings.Join(list, ", "))
	}
}

// stepText is a step as a line, and of a conflict what each side has.
func stepText(s *report.Step) string {
	var b strings.Builder
	fmt.Fprintf(&b, "    %s  %s %s", s.Node, s.Item, s.Path)
	switch s.Kind {
	case "directory":
		b.WriteByte('/')
	case "file":
		fmt.Fprintf(&b, "  %s", sizeText(s.Size))
	}
	if s.Conflict {
		b.WriteString(", conflict")
	}
	if s.Take != "" {
		fmt.Fprintf(&b, ", %s by %s", s.Take, s.By)
	}
	if s.Detail != "" {
		b.WriteString(", " + s.Detail)
	}
	if s.Waits != "" {
		b.WriteString(", waits: " + s.Waits)
	}
	if s.Rule != "" {
		b.WriteString("  [" + s.Rule + "]")
	}
	b.WriteByte('\n')
	if s.Ours != nil && s.Theirs != nil {
		fmt.Fprintf(&b, "        ours:   %s\n        theirs: %s\n", sideText(s.Ours), sideText(s.Theirs))
	}
	return b.String()
}

// sideText is what one node has of a conflict.
func sideText(s *report.Side) string {
	switch s.Kind {
	case "none":
		return "nothing, ever"
	case "gone":
		return "deleted by " + s.Origin
	}
	text := s.Kind
	if s.Kind == "file" {
		text += ", " + sizeText(s.Size)
	}
	if s.MTime != 0 {
		text += ", of " + time.Unix(0, s.MTime).Local().Format("2006-01-02T15:04:05.000Z07:00")
	}
	if s.Mode != "" {
		text += ", " + s.Mode
	}
	return text + ", by " + s.Origin
}

func totalsText(b *strings.Builder, who string, t report.Totals) {
	if t == (report.Totals{}) {
		fmt.Fprintf(b, "  on %s: nothing\n", who)
		return
	}
	fmt.Fprintf(b, "  on %s: %d placed, %d replaced, %d deleted, %d with new metadata, %s, %s of content",
		who, t.Place, t.Replace, t.Delete, t.Meta, report.Count(t.Conflicts, "conflict"), sizeText(t.Bytes))
	if t.Waits > 0 {
		fmt.Fprintf(b, "; %s left out or waiting", report.Count(t.Waits, "step"))
	}
	b.WriteByte('\n')
}
