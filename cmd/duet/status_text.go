package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"duet/cmd/duet/node"
	"duet/replicate/report"
)

// So many problems of a share are shown to people; JSON has those that the
// daemon tells.
const shownProblems = 10

// statusText writes the status for people: a line for the node, one for the
// peer, a table of the shares, and then what somebody should know or do.
func statusText(w io.Writer, s *node.Status, now time.Time) error {
	var b strings.Builder
	if s.Running {
		fmt.Fprintf(&b, "%s  running since %s, process %d", s.Node, timeText(s.Started), s.PID)
		if s.Listen != "" {
			fmt.Fprintf(&b, ", listening on %s", s.Listen)
		}
		b.WriteByte('\n')
	} else {
		fmt.Fprintf(&b, "%s  not running\n", s.Node)
	}
	peer := "not connected"
	if s.Peer.Connected {
		peer = "connected"
	}
	fmt.Fprintf(&b, "%s  %s\n", s.Peer.Name, peer)
	switch {
	case s.BWLimit > 0:
		fmt.Fprintf(&b, "sends %s of contents a second at most (bwlimit: %s)\n", sizeText(s.BWLimit), s.BWTable)
	case s.Running && s.BWTable != "" && s.BWTable != "off":
		fmt.Fprintf(&b, "sends without a limit now (bwlimit: %s)\n", s.BWTable)
	}
	b.WriteByte('\n')

	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SHARE\tSTATE\tFILES\tSIZE\tIN\tOUT\tCONFLICTS\tKEPT\tLAG")
	for _, sh := range s.Shares {
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%d\t%d\t%d\t%d\t%s\n", sh.Name, sh.State, sh.Files, sizeText(sh.Bytes),
			sh.PendingIn, sh.PendingOut, sh.Conflicts, sh.Kept, lagText(sh.LagMS))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	var notes strings.Builder
	for _, sh := range s.Shares {
		shareNotes(&notes, sh, s.Running, now)
	}
	if notes.Len() > 0 {
		b.WriteString("\n" + notes.String())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func shareNotes(b *strings.Builder, sh report.Status, running bool, now time.Time) {
	note := func(format string, args ...any) { fmt.Fprintf(b, "%s: %s\n", sh.Name, fmt.Sprintf(format, args...)) }
	apart := running && !sh.Connected && sh.LastError != "" && !sh.State.Halted() // which says why itself
	if sh.Reason != "" && !(apart && sh.Reason == sh.LastError) {                 // which is said below
		note("%s", sh.Reason)
	}
	if p := sh.Progress; p != nil {
		note("%s", progressText(p))
	}
	if w := sh.Waiting; w != nil && w.Reason != sh.Reason {
		note("%s of %d wait for approval: %s. Look with 'duet recover %s --dry-run', then 'duet approve %s' or 'duet reject %s'",
			report.Count(w.Deletes, "delete"), w.Total, w.Reason, sh.Name, sh.Name, sh.Name)
	}
	if sh.Waiting != nil && len(sh.Waiting.Groups) > 1 {
		for _, g := range sh.Waiting.Groups {
			where := "in the whole share"
			if g.Under != "" {
				where = "at and below " + g.Under
			}
			note("%s of %d %s wait (limit %s): duet approve %s %s, or duet reject %s %s",
				report.Count(g.Deletes, "delete"), g.Total, where, g.Limit, sh.Name, g.ID, sh.Name, g.ID)
		}
	}
	if s := sh.PeerStuck; s != nil && s.Reason != sh.Reason {
		note("on the other host this waits for a person: %s", s.Reason)
	}
	if apart {
		note("not connected: %s", sh.LastError)
	}
	if text := sh.HeldText(); sh.Held > 0 && sh.Reason != text {
		note("%s", text)
	}
	if sh.Dirty > 0 && sh.Progress == nil {
		note("%s touched and not yet looked at", report.Count(sh.Dirty, "path"))
	}
	if skew := time.Duration(sh.ClockSkewMS) * time.Millisecond; skew.Abs() > 2*time.Second {
		note("the peer's clock is %v off: conflicts settled by time may come out wrong", skew)
	}
	if sh.Space != "" {
		note("too little space: %s; free some, or lower min_free", sh.Space)
	}
	if sh.HoldingInside {
		note("the holding area is inside the share, %s: no web server should serve it; set 'holding:'", sh.Holding)
	}
	if v := sh.Verify; v != nil {
		verifyNotes(sh.Name, v, note)
	}
	problemNotes(sh, now, note)
}

// verifyNotes says what verifications have found, and how far one is.
func verifyNotes(share string, v *report.Verify, note func(string, ...any)) {
	if v.Running != nil {
		note("%s", verifyingText("being verified", v.Running))
	}
	if h := v.Half; h != nil && v.Running == nil {
		note("verified up to %s, %s of it, since %s; that goes on at %s", h.After, report.Count(h.Files, "file"), timeText(h.Began), timeText(v.Next))
	}
	c := v.Contents
	if n := c.Bad(); n > 0 {
		note("%s damaged when it was verified at %s (%s): duet verify %s --content --repair",
			report.Count(n, "file"), timeText(c.Ended), strings.Join(c.Damaged[:min(len(c.Damaged), 3)], ", "), share)
	}
	for _, last := range []*report.Verified{c, v.Tree} {
		if last != nil && last.Drift > 0 {
			note("%s on which the indexes did not agree at %s: duet verify %s", report.Count(last.Drift, "path"), timeText(last.Ended), share)
			return
		}
	}
}

// verifyingText is one line on a verification under way.
func verifyingText(what string, p *report.Verifying) string {
	text := fmt.Sprintf("%s, %d", what, p.Files)
	if p.AllFiles > 0 {
		text += fmt.Sprintf(" of %d", p.AllFiles)
	}
	text += " files read, " + sizeText(p.Bytes)
	if p.AllBytes > 0 {
		text += " of " + sizeText(p.AllBytes)
	}
	if p.Rate > 0 {
		text += fmt.Sprintf(", %s/s", sizeText(int64(p.Rate)))
	}
	if p.Left > 0 {
		text += ", " + secondsText(p.Left) + " left"
	}
	return text
}

func problemNotes(sh report.Status, now time.Time, note func(string, ...any)) {
	shown, more := 0, 0
	for _, p := range sh.Problems {
		switch {
		case p.Skipped:
			continue
		case shown == shownProblems:
			more++
			continue
		}
		shown++
		retry := ""
		if p.Next.After(now) {
			retry = fmt.Sprintf("; next try in %s", secondsText(p.Next.Sub(now).Seconds()))
		}
		note("%s: %s%s", p.Path, p.Error, retry)
	}
	if more > 0 {
		note("and %s: duet status --json", report.Count(more, "more problem"))
	}
	if sh.Skipped > 0 {
		note("%s skipped (FIFOs, sockets, devices, mount points): duet status --json lists them", report.Count(sh.Skipped, "path"))
	}
}

// progressText is one line on long work.
func progressText(p *report.Progress) string {
	b := fmt.Sprintf("%s %d", p.Phase, p.Done)
	if p.Total > 0 {
		b += fmt.Sprintf(" of %d", p.Total)
	}
	b += " paths"
	if p.TotalBytes > 0 {
		b += fmt.Sprintf(", %s of %s", sizeText(p.Bytes), sizeText(p.TotalBytes))
	} else if p.Bytes > 0 {
		b += ", " + sizeText(p.Bytes)
	}
	if p.Rate > 0 {
		if p.Phase == "scanning" {
			b += fmt.Sprintf(", %.0f paths/s", p.Rate)
		} else {
			b += fmt.Sprintf(", %s/s", sizeText(int64(p.Rate)))
		}
	}
	if p.Left > 0 {
		b += ", " + secondsText(p.Left) + " left"
	}
	return b
}
