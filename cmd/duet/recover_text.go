package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"duet/replicate/report"
)

// showPlan prints a plan for people, or as JSON.
func (r *recovering) showPlan(p *report.Plan, st report.Status) error {
	if r.json {
		return r.printJSON(p)
	}
	var b strings.Builder
	planText(&b, p, r.cfg.Node, r.cfg.Peer.Name)
	if p.Connected && p.Empty() {
		fmt.Fprintf(&b, "%s: nothing to do%s\n", p.Share, lastOutage(st.Outage, p.Outage))
	}
	_, err := io.WriteString(r.out, b.String())
	return err
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
	}
	if o.Why != "" {
		text += ": " + o.Why
	}
	return text
}

func planText(b *strings.Builder, p *report.Plan, self, peer string) {
	if p.Empty() && p.Connected {
		return
	}
	fmt.Fprintf(b, "share %s, plan %s\n", p.Share, p.ID)
	if p.Outage != nil {
		fmt.Fprintf(b, "  apart %s\n", outageText(p.Outage))
	}
	didText(b, self, p.Ours)
	if !p.Connected {
		return
	}
	didText(b, peer, p.Theirs)
	b.WriteString("  plan\n")
	for _, s := range p.Steps {
		stepText(b, s, self, peer)
	}
	if p.More > 0 {
		fmt.Fprintf(b, "    and %s\n", plural(p.More, "more step"))
	}
	totalsText(b, self, p.Here)
	totalsText(b, peer, p.Peer)
	if w := p.Waiting; w != nil {
		fmt.Fprintf(b, "  %s of %d wait for approval: %s\n", plural(w.Deletes, "delete"), w.Total, w.Reason)
	}
}

func didText(b *strings.Builder, who string, d report.Did) {
	var parts []string
	for _, n := range []struct {
		n    int64
		word string
	}{{d.Created, "created"}, {d.Changed, "changed"}, {d.Touched, "touched"}, {d.Deleted, "deleted"}} {
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
	if len(d.First) > 0 {
		total := d.Created + d.Changed + d.Touched + d.Deleted
		fmt.Fprintf(b, ": %s", strings.Join(d.First, ", "))
		if int64(len(d.First)) < total {
			b.WriteString(", ...")
		}
	}
	b.WriteByte('\n')
}

func stepText(b *strings.Builder, s report.PlanStep, self, peer string) {
	where := peer
	if s.Here {
		where = self
	}
	fmt.Fprintf(b, "    %s: %s %s", where, s.Do, s.Path)
	switch s.Kind {
	case "directory":
		b.WriteByte('/')
	case "file":
		fmt.Fprintf(b, " (%s)", sizeText(s.Size))
	}
	if s.Conflict {
		b.WriteString(", conflict")
	}
	if s.Detail != "" {
		b.WriteString(", " + s.Detail)
	}
	if s.Rule != "" {
		b.WriteString("  [" + s.Rule + "]")
	}
	b.WriteByte('\n')
}

func totalsText(b *strings.Builder, who string, t report.Totals) {
	if t == (report.Totals{}) {
		fmt.Fprintf(b, "  on %s: nothing\n", who)
		return
	}
	fmt.Fprintf(b, "  on %s: %d placed, %d replaced, %d deleted, %d with new metadata, %s, %s to fetch\n",
		who, t.Place, t.Replace, t.Delete, t.Meta, plural(t.Conflicts, "conflict"), sizeText(t.Bytes))
}

// progressLine is one line of a terminal that says how far things are. On
// anything else it says nothing.
type progressLine struct {
	w     io.Writer
	shown bool
}

func newProgressLine(w io.Writer) *progressLine {
	if !terminal(w) {
		w = nil
	}
	return &progressLine{w: w}
}

func (l *progressLine) show(name string, st report.Status) {
	if l.w == nil {
		return
	}
	text := fmt.Sprintf("%s: %s", name, st.State)
	if st.Progress != nil {
		text = fmt.Sprintf("%s: %s", name, progressText(st.Progress))
	} else if st.PendingIn+st.PendingOut > 0 {
		text += fmt.Sprintf(", %d to do here, %d on the peer", st.PendingIn, st.PendingOut)
	}
	l.write(text)
}

// write shows a line in place of the last.
func (l *progressLine) write(text string) {
	if l.w == nil {
		return
	}
	fmt.Fprintf(l.w, "\r%s\x1b[K", text)
	l.shown = true
}

func (l *progressLine) end() {
	if l.shown {
		fmt.Fprint(l.w, "\r\x1b[K")
		l.shown = false
	}
}
