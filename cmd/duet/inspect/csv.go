package inspect

import (
	"encoding/csv"
	"fmt"
	"strconv"
)

// tables are the types of rows that Dump has as CSV, each with its columns.
var tables = map[string][]string{
	"record": {"share", "path", "next", "agreed", "pos", "heard",
		"kind", "size", "mtime_ns", "mode", "owner", "group", "hash", "target", "origin", "version",
		"base_kind", "base_size", "base_mtime_ns", "base_hash", "base_version",
		"theirs_kind", "theirs_size", "theirs_mtime_ns", "theirs_hash", "theirs_origin", "theirs_version"},
	"event": {"share", "pos", "time_ns", "path", "what", "how", "node", "from", "to", "kind", "size", "hash",
		"rule", "note", "seen_how", "seen_ns"},
	"kept": {"share", "id", "path", "reason", "by", "time_ns", "held", "kind", "size", "mtime_ns", "mode", "hash", "target"},
	"conflict": {"share", "id", "path", "time_ns", "held", "rule", "kept",
		"winner_kind", "winner_size", "winner_mtime_ns", "winner_hash", "winner_origin",
		"loser_kind", "loser_size", "loser_mtime_ns", "loser_hash", "loser_origin"},
}

// csvRow writes one row of a dump as CSV, and before the first the columns.
func (p *Printer) csvRow(line []byte) error {
	d, err := decode[Dumped](line)
	if err != nil {
		return err
	}
	cells := d.cells()
	if cells == nil {
		return fmt.Errorf("%s is no table", d.Type)
	}
	w := csv.NewWriter(p.out)
	if p.Rows == 0 {
		w.Write(tables[d.Type]) // Flush has the error
	}
	w.Write(cells)
	w.Flush()
	return w.Error()
}

func (d Dumped) cells() []string {
	switch d.Type {
	case "record":
		r := d.Record
		out := []string{r.Share, r.Path, r.Next, strconv.FormatBool(r.Agreed), num(r.Pos), num(r.Heard)}
		o := r.Ours.orNone()
		out = append(out, o.Kind, num(o.Size), num(o.ModTime), o.Mode, o.Owner, o.Group, o.Hash, o.Target, o.Origin, versionText(o.Version))
		b := r.Base.orNone()
		out = append(out, b.Kind, num(b.Size), num(b.ModTime), b.Hash, versionText(b.Version))
		t := r.Theirs.orNone()
		return append(out, t.Kind, num(t.Size), num(t.ModTime), t.Hash, t.Origin, versionText(t.Version))
	case "event":
		e := d.Event
		o := e.Entry.orNone()
		return []string{e.Share, num(e.Pos), num(e.Time), e.Path, e.What, e.How, e.Node, e.From, e.To, o.Kind, num(o.Size), o.Hash,
			e.Rule, e.Note, e.SeenHow, num(e.SeenTime)}
	case "kept":
		k := d.Kept
		o := k.Entry.orNone()
		return []string{k.Share, num(k.ID), k.Path, k.Reason, k.By, num(k.Time), k.Held, o.Kind, num(o.Size), num(o.ModTime), o.Mode, o.Hash, o.Target}
	case "conflict":
		c := d.Conflict
		w, l := c.Winner.orNone(), c.Loser.orNone()
		return []string{c.Share, num(c.ID), c.Path, num(c.Time), strconv.FormatBool(c.Held), c.Rule, num(c.Kept),
			w.Kind, num(w.Size), num(w.ModTime), w.Hash, w.Origin, l.Kind, num(l.Size), num(l.ModTime), l.Hash, l.Origin}
	}
	return nil
}

// orNone is the entry, or an empty one.
func (e *Entry) orNone() Entry {
	if e == nil {
		return Entry{}
	}
	return *e
}

func num[N int64 | uint64](n N) string { return fmt.Sprint(n) }
