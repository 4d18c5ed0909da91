package inspect

import (
	"fmt"
	"strings"
	"time"

	"duet/replicate/report"
	"duet/store/index"
)

// path writes a path, after its share's name where that is needed.
func (s Style) path(share, path string) string {
	if s.Share {
		return share + ":" + path
	}
	return path
}

func (l Listed) text(s Style) string {
	name := s.path(l.Share, l.Path)
	switch l.Kind {
	case index.Dir.String():
		name += "/"
	case index.Symlink.String():
		name += " -> " + l.Target
	}
	if mark := pending(l.Next); mark != "" && s.Marks {
		name += "  (" + mark + ")"
	}
	if !s.Long {
		return name + "\n"
	}
	size := ""
	if l.Kind == index.File.String() {
		size = fmt.Sprint(l.Size)
	}
	version := versionText(l.Version)
	if l.Origin != "" {
		version += " by " + l.Origin
	}
	return fmt.Sprintf("%-9s %4s %-17s %12s %-29s %-20s %s\n", l.Kind, l.Mode, owners(l.Entry), size, when(l.ModTime), version, name)
}

func pending(next string) string {
	switch next {
	case "take":
		return "to be done here"
	case "wait":
		return "to be done on the peer"
	case "held":
		return "conflict: waits for a person"
	case "left":
		return "left alone: one of the nodes ignores it"
	}
	return ""
}

func owners(e Entry) string {
	if e.Owner == "" && e.Group == "" {
		return "-"
	}
	return e.Owner + ":" + e.Group
}

// when is a time for people, in the local zone, to the millisecond.
func when(ns int64) string {
	if ns == 0 {
		return "-"
	}
	return time.Unix(0, ns).Format("2006-01-02T15:04:05.000Z07:00")
}

// When is a time for people, in the local zone, to the millisecond.
func When(ns int64) string { return when(ns) }

// VersionText is a version in a word.
func VersionText(v []Counter) string { return versionText(v) }

func (r Record) text(s Style) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", s.path(r.Share, r.Path))
	for _, side := range []struct {
		name string
		e    *Entry
		none string
	}{{"ours", r.Ours, "not here"}, {"base", r.Base, "never agreed"}, {"theirs", r.Theirs, "never heard of"}} {
		if side.e == nil {
			fmt.Fprintf(&b, "  %-7s %s\n", side.name, side.none)
			continue
		}
		fmt.Fprintf(&b, "  %-7s %s\n", side.name, side.e.long())
		if side.e.Hash != "" {
			fmt.Fprintf(&b, "          hash    %s\n", side.e.Hash)
		}
		fmt.Fprintf(&b, "          version %s\n", versionText(side.e.Version))
		if len(side.e.Over) > 0 {
			fmt.Fprintf(&b, "          won over %s\n", versionText(side.e.Over))
		}
	}
	if st := r.Stamp; st != nil {
		fmt.Fprintf(&b, "  stamp   inode %d, %d bytes, mtime %s, ctime %s, mode %s, uid %d, gid %d\n",
			st.Ino, st.Size, when(st.ModTime), when(st.Ctime), st.Mode, st.UID, st.GID)
	}
	fmt.Fprintf(&b, "  journal our position %d, the peer's position %d\n", r.Pos, r.Heard)
	next := pending(r.Next)
	if next == "" {
		next = "nothing to do"
	}
	if r.Agreed {
		next += ", both agree"
	}
	fmt.Fprintf(&b, "  next    %s\n", next)
	return b.String()
}

// long says all of an entry but its hash and version, in one line.
func (e *Entry) long() string {
	text := e.Kind
	switch e.Kind {
	case index.File.String():
		text += fmt.Sprintf(", %d bytes, mtime %s, mode %s, %s", e.Size, when(e.ModTime), e.Mode, owners(*e))
	case index.Dir.String():
		text += fmt.Sprintf(", mode %s, %s", e.Mode, owners(*e))
	case index.Symlink.String():
		text += " to " + e.Target + ", " + owners(*e)
	case index.Gone.String():
		if e.Apart {
			text += ", while the nodes were apart"
		}
	}
	if e.Origin != "" {
		text += ", by " + e.Origin
	}
	return text
}

func versionText(v []Counter) string {
	parts := make([]string, len(v))
	for i, c := range v {
		name := c.Node
		if name == "" {
			name = "epoch " + c.Epoch
		}
		parts[i] = fmt.Sprintf("%s:%d", name, c.Seq)
	}
	return strings.Join(parts, " ")
}

func (e Event) text(s Style) string {
	line := fmt.Sprintf("%s  #%-6d %-9s %-12s %s", when(e.Time), e.Pos, e.What, e.Node+" ("+e.How+")", s.path(e.Share, e.Path))
	return line + e.Details() + "\n"
}

// Details is what an event says besides who did what to which path.
func (e Event) Details() string {
	line := ""
	if e.From != "" {
		line += " from " + e.From
	}
	if e.To != "" {
		line += " to " + e.To
	}
	switch {
	case e.Entry == nil:
	case e.Entry.Kind == index.File.String():
		line += fmt.Sprintf("  %d bytes %.8s", e.Entry.Size, e.Entry.Hash)
	case e.Entry.Kind == index.Gone.String() && e.What != index.Deleted.String():
		line += "  removed"
	}
	if e.Rule != "" {
		line += "  [" + e.Rule + "]"
	}
	if e.Note != "" {
		line += "  [" + e.Note + "]"
	}
	if e.SeenHow != "" {
		line += fmt.Sprintf("  noticed there %s, by %s", when(e.SeenTime), e.SeenHow)
	}
	return line
}

func (t Tombstone) text(s Style) string {
	state := "not acknowledged: the peer has not heard of it yet"
	if t.Known {
		state = "the peer has heard of it"
	}
	if t.Agreed {
		state = "both have deleted it, and the peer has yet to say that it heard so"
	}
	if mark := pending(t.Next); mark != "" {
		state = mark
	}
	if t.Apart {
		state += ", deleted while apart"
	}
	by := t.By
	if t.How != "" {
		by += ", " + t.How
	}
	if t.To != "" {
		by += ", moved to " + t.To
	}
	return fmt.Sprintf("%-29s %s  by %s  (%s)\n", when(t.Time), s.path(t.Share, t.Path), by, state)
}

func (c Checked) text(s Style) string {
	switch {
	case c.Broken != "":
		return fmt.Sprintf("%s: %s\n", c.Share, c.Broken)
	case c.Count > 0:
		return fmt.Sprintf("%s: %d broken: stop duet, and let 'duet index repair --share %s' say what can be done\n", c.Share, c.Count, c.Share)
	}
	return fmt.Sprintf("%s: sound\n", c.Share)
}

func (k Kept) text(s Style) string {
	what := "?"
	if k.Entry != nil {
		what = k.Entry.Kind
		if k.Entry.Kind == index.File.String() {
			what = fmt.Sprintf("%d bytes", k.Entry.Size)
		}
	}
	by := ""
	if k.By != "" {
		by = " by " + k.By
	}
	return fmt.Sprintf("%5d  %s  %s  %s, %s%s\n", k.ID, when(k.Time), s.path(k.Share, k.Path), what, k.Reason, by)
}

func sideText(e *Entry) string {
	if e == nil {
		return "-"
	}
	return e.long()
}

func (st Stats) text(s Style) string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(&b, "%s\n", st.Share)
	free := ""
	if st.FreeBytes > 0 {
		free = fmt.Sprintf(", %d of them free", st.FreeBytes)
	}
	line("index", "%s, %d bytes%s, format %d", st.File, st.FileBytes, free, st.Format)
	line("paths", "%s (%s), %s, %s",
		report.Count(st.Files, "file"), report.Count(st.Bytes, "byte"), report.Count(st.Dirs, "directory"), report.Count(st.Links, "symlink"))
	line("records", "%d, %d of them tombstones; %d bytes of index each", st.Records, st.Tombstones, st.PerPath)
	line("pending", "%d here, %d on the peer, %d held; %d ignored", st.Take, st.Wait, st.Held, st.Ignored)
	line("kept", "%s, %s; %s", report.Count(st.Kept, "version"), report.Count(st.KeptBytes, "byte"), report.Count(st.Conflicts, "conflict"))
	line("journal", "position %d, the peer has heard %d; epoch %s", st.Head, st.Acked, st.Epoch)
	line("events", "%d, %d bytes, from %s to %s", st.Events, st.EventBytes, when(st.First), when(st.Last))
	line("peer", "heard to position %d; epoch %s", st.Heard, orDash(st.PeerEpoch))
	ended := when(st.Parted)
	if st.PartedWhy != "" {
		ended += ": " + st.PartedWhy
	}
	line("session", "began %s, ended %s", when(st.Connected), ended)
	if st.Intents > 0 {
		line("intents", "%d: an install was interrupted, the next start settles it", st.Intents)
	}
	if st.Halt != "" {
		line("halted", "%s", st.Halt)
	}
	return b.String()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
