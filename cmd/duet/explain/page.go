package explain

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"duet/cmd/duet/inspect"
	"duet/replicate/report"
)

// page builds the text: sections, each with its name in the margin.
type page struct {
	strings.Builder
}

const margin = 11

func (p *page) line(name, format string, args ...any) {
	fmt.Fprintf(p, "  %-*s %s\n", margin, name, fmt.Sprintf(format, args...))
}

// list is a section of several lines; the margin has the name once.
func (p *page) list(name string, lines []string) {
	for _, l := range lines {
		p.line(name, "%s", l)
		name = ""
	}
}

// Text is the answer on one page.
func (a *Answer) Text() string {
	p := &page{}
	fmt.Fprintf(p, "%s:%s\n", a.Share, a.Path)
	p.line("", "%s", a.Summary)
	if a.Gone != nil {
		p.WriteString("\n")
		a.gone(p)
	}
	if a.Verdict != nil {
		p.WriteString("\n")
		a.sides(p)
		p.WriteString("\n")
		p.list("since", a.Since)
		a.verdict(p)
	}
	p.WriteString("\n")
	a.disk(p)
	p.list("ignored", a.ignoredText())
	if a.Blocked != "" {
		p.line("above", "%s", a.Blocked)
	}
	p.list("now", a.nowText())
	if len(a.Events)+len(a.Kept)+len(a.Conflicts) > 0 {
		p.WriteString("\n")
	}
	p.list("events", a.eventsText())
	p.list("kept", a.keptText())
	p.list("conflicts", a.conflictsText())
	if len(a.Near)+len(a.Do) > 0 {
		p.WriteString("\n")
	}
	p.list("near", a.nearText())
	p.list("to do", a.Do)
	return p.String()
}

// sides shows the three states side by side.
func (a *Answer) sides(p *page) {
	rows := [][4]string{{"", "here (" + a.Self + ")", "last agreed", "there (" + a.Peer + ")"}}
	sides := [3]*inspect.Entry{a.Ours, a.Base, a.Theirs}
	none := [3]string{"never here", "never agreed", "never heard of"}
	row := func(name string, of func(e *inspect.Entry) string) {
		r := [4]string{name}
		some := false
		for i, e := range sides {
			if e != nil {
				r[i+1] = of(e)
			} else if name == "kind" {
				r[i+1] = none[i]
			}
			some = some || r[i+1] != ""
		}
		if some {
			rows = append(rows, r)
		}
	}
	file := func(e *inspect.Entry) bool { return e.Kind == "file" }
	row("kind", func(e *inspect.Entry) string {
		if e.Kind == "gone" && e.Apart {
			return "gone, while apart"
		}
		return e.Kind
	})
	row("size", func(e *inspect.Entry) string {
		if !file(e) {
			return ""
		}
		return fmt.Sprintf("%d bytes", e.Size)
	})
	row("modified", func(e *inspect.Entry) string {
		if !file(e) && e.Kind != "symlink" {
			return ""
		}
		return inspect.When(e.ModTime)
	})
	row("mode", func(e *inspect.Entry) string { return e.Mode })
	row("owner", func(e *inspect.Entry) string {
		if e.Owner == "" && e.Group == "" {
			return ""
		}
		return e.Owner + ":" + e.Group
	})
	row("content", func(e *inspect.Entry) string { return fmt.Sprintf("%.12s", e.Hash) })
	row("target", func(e *inspect.Entry) string { return e.Target })
	row("edited on", func(e *inspect.Entry) string { return e.Origin })
	row("version", func(e *inspect.Entry) string { return inspect.VersionText(e.Version) })
	p.table(rows)
}

// table lays out columns.
func (p *page) table(rows [][4]string) {
	var width [4]int
	for _, r := range rows {
		for i, cell := range r {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	width[0] = max(width[0], margin)
	for _, r := range rows {
		line := " "
		for i, cell := range r {
			line += " " + cell + strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if i > 0 {
				line += " "
			}
		}
		p.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

func (a *Answer) verdict(p *page) {
	v := a.Verdict
	p.line("verdict", "%s: %s", v.Rule, v.Means)
	if v.Next != "nothing" {
		p.line("", "%s: %s; %s: %s", a.Self, actText(v.Here), a.Peer, actText(v.There))
	}
	p.line("", "by `conflict: %s`, `deletes: %s`; the table is at the end of docs/semantics.md", v.Policy, v.Deletes)
}

// actText says in words what a node does.
func actText(act string) string {
	switch act {
	case "nothing":
		return "has nothing to do"
	case "agree":
		return "only takes note that both have the same"
	case "take":
		return "takes over what the other has"
	case "take over":
		return "takes over what the other has, and keeps its own as the loser"
	case "wait":
		return "keeps what it has"
	case "win":
		return "keeps what it has, which won"
	case "revive":
		return "keeps what it has, against the delete"
	case "hold":
		return "waits for a person"
	}
	return act
}

func (a *Answer) disk(p *page) {
	d := a.Disk
	switch {
	case !d.There && d.Error != "":
		p.line("on disk", "not known: %s", d.Error)
		return
	case !d.There:
		p.line("on disk", "nothing")
	default:
		text := d.Kind
		if d.Kind == "file" {
			text += fmt.Sprintf(", %d bytes", d.Size)
		}
		if d.Target != "" {
			text += " to " + d.Target
		}
		p.line("on disk", "%s, mode %s, modified %s", text, d.Mode, inspect.When(d.ModTime))
		if d.Error != "" {
			p.line("", "%s", d.Error)
		}
	}
	switch {
	case a.Verdict == nil || d.Error != "":
	case d.Differs:
		p.line("", "that is not what the index says: a change that has not been looked at yet")
	case d.There:
		p.line("", "that is what the index says")
	}
}

func (a *Answer) ignoredText() (lines []string) {
	for _, i := range a.Ignored {
		line := fmt.Sprintf("by %s: %s (%s)", i.By, i.Rule, i.Where)
		if i.Path != a.Path {
			line += fmt.Sprintf(", which names %s", i.Path)
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return []string{"no"}
	}
	return lines
}

func (a *Answer) nowText() (lines []string) {
	if a.Now == nil {
		return []string{"no daemon runs on this host: what it could not read or install is not known"}
	}
	m := a.Now
	if m.Own != nil {
		lines = append(lines, problemText("", m.Own))
	}
	if m.Above != nil {
		lines = append(lines, problemText(m.Above.Path+", above it, ", m.Above))
	}
	if m.Dirty {
		lines = append(lines, "it was touched, and is about to be looked at")
	}
	if m.Scanning {
		lines = append(lines, "the whole tree is being scanned")
	}
	if m.Moving {
		lines = append(lines, "what the peer has is being fetched or installed")
	}
	if !m.Connected {
		lines = append(lines, fmt.Sprintf("%s is not connected", a.Peer))
	}
	if len(lines) == 0 {
		lines = append(lines, fmt.Sprintf("nothing stands in the way; the share is %s", m.State))
	}
	return lines
}

func problemText(who string, p *report.Problem) string {
	since := inspect.When(p.Since.UnixNano())
	if p.Skipped {
		return fmt.Sprintf("%sskipped since %s: %s", who, since, p.Error)
	}
	next := ""
	if !p.Next.IsZero() {
		next = ", tried again at " + inspect.When(p.Next.UnixNano())
	}
	return fmt.Sprintf("%sfailed %s since %s%s: %s", who, times(p.Tries), since, next, p.Error)
}

func (a *Answer) gone(p *page) {
	g := a.Gone
	by := g.By
	if by == "" {
		by = "not known"
	}
	p.line("deleted on", "%s", by)
	if g.Time != 0 {
		line := inspect.When(g.Time)
		if g.By != a.Self && g.By != "" {
			line += " by the clock of " + g.By
		}
		p.line("when", "%s, noticed by %s", line, How(g.How))
	} else if g.Here != 0 {
		p.line("when", "%s did not say when and how it noticed", by)
	}
	if g.Here != 0 && g.By != a.Self {
		p.line("here", "%s, by rule %s", inspect.When(g.Here), orDefault(g.Rule, "-"))
	}
	if g.Apart {
		p.line("", "while the two nodes were apart")
	}
	p.line("and now", "%s", g.State)
	p.list("get it back", g.Restore)
}

func (a *Answer) eventsText() (lines []string) {
	for _, e := range a.Events {
		who := ""
		if e.Path != a.Path {
			who = "  " + e.Path
		}
		lines = append(lines, strings.TrimRight(fmt.Sprintf("%s  #%-6d %-9s %-12s%s%s", inspect.When(e.Time), e.Pos, e.What, e.Node+" ("+e.How+")", who, e.Details()), " "))
	}
	if a.Older {
		lines = append(lines, fmt.Sprintf("older: duet index history --share %s %s", a.Share, inspect.Shell(a.Path)))
	}
	return lines
}

func (a *Answer) keptText() (lines []string) {
	for i, k := range a.Kept {
		if i == lastEvents {
			lines = append(lines, fmt.Sprintf("and %d older: duet kept ls --share %s %s", len(a.Kept)-i, a.Share, inspect.Shell(a.Path)))
			break
		}
		what := "-"
		if k.Entry != nil {
			what = k.Entry.Kind
			if k.Entry.Kind == "file" {
				what = fmt.Sprintf("%d bytes, modified %s", k.Entry.Size, inspect.When(k.Entry.ModTime))
			}
		}
		lines = append(lines, fmt.Sprintf("version %d, displaced %s (%s by %s): %s", k.ID, inspect.When(k.Time), k.Reason, orDefault(k.By, "-"), what))
	}
	return lines
}

func (a *Answer) conflictsText() (lines []string) {
	for _, c := range slices.Backward(a.Conflicts) {
		state := "settled by " + orDefault(c.Rule, "-")
		if c.Held {
			state = "waits for a person"
		}
		lines = append(lines, fmt.Sprintf("conflict %d of %s: %s", c.ID, inspect.When(c.Time), state))
	}
	return lines
}

func (a *Answer) nearText() (lines []string) {
	for _, n := range a.Near {
		gone := ""
		if n.Gone {
			gone = ", deleted"
		}
		lines = append(lines, fmt.Sprintf("%s (%s%s)", n.Path, n.Why, gone))
	}
	return lines
}
