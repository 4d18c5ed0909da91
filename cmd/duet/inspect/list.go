package inspect

import (
	"strings"

	"duet/store/index"
)

// scope is the directory below which everything is that p can match; Root: the
// whole share.
func (p pattern) scope() index.Path {
	if !p.glob {
		return index.Path(p.text)
	}
	if !strings.Contains(p.text, "/") {
		return index.Root
	}
	var dir index.Path
	for part := range strings.SplitSeq(strings.TrimPrefix(p.text, "/"), "/") {
		next, err := dir.Join(part)
		if err != nil || IsGlob(part) || strings.Contains(part, `\`) {
			break
		}
		dir = next
	}
	return dir
}

// each calls f with the records that match what is asked for. It reads no
// others than those of its scope.
func (r *run) each(f func(*index.Record) error) error {
	dir := r.want.scope()
	one := func(rec *index.Record) error {
		if rec == nil || !r.want.match(rec.Path) {
			return nil
		}
		return f(rec)
	}
	rec, err := r.tx.Get(dir)
	if err != nil {
		return err
	}
	if err := one(rec); err != nil {
		return err
	}
	for rec, err := range r.tx.Under(dir) {
		if err != nil {
			return err
		}
		if err := one(rec); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) ls() error {
	known := r.want.text == "" || r.want.glob
	err := r.each(func(rec *index.Record) error {
		known = true
		e := rec.Ours
		if !e.Live() && rec.Next == index.Take && rec.Theirs.Live() {
			e = rec.Theirs
		}
		if e == nil && r.All {
			e = rec.Theirs
		}
		if !e.Live() && !r.All || r.Pending && (rec.Next == index.Nothing || rec.Next == index.Left) {
			return nil
		}
		return r.out.Encode(Listed{r.Share, rec.Path.String(), *r.names.entry(e), uint64(rec.Pos), rec.Next.String()})
	})
	if err == nil && !known {
		return &ErrUnknownPath{r.Share, index.Path(r.want.text)}
	}
	return err
}

func (r *run) tombstones() error {
	c, err := r.tx.Counts()
	if err != nil || c.Tombstones == 0 {
		return err
	}
	meta := r.names.meta
	return r.each(func(rec *index.Record) error {
		if rec.Ours == nil || rec.Ours.Kind != index.Gone {
			return nil
		}
		row := Tombstone{Share: r.Share, Path: rec.Path.String(), By: r.names.node(rec.Ours.Origin), Apart: rec.Ours.Apart,
			Next: rec.Next.String(), Pos: uint64(rec.Pos), Known: rec.Pos <= meta.Acked, Agreed: rec.Agreed()}
		ev, ok, err := r.tx.Event(rec.Pos)
		if err != nil {
			return err
		}
		if ok {
			row.Time, row.How, row.Rule = ev.Time, ev.How.String(), ev.Rule
			if ev.Seen.How != 0 {
				row.How, row.Time = ev.Seen.How.String(), ev.Seen.Time
			}
			if ev.To != index.Root {
				row.To = ev.To.String()
			}
		}
		return r.out.Encode(row)
	})
}
