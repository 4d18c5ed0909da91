package inspect

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"duet/cmd/duet/exit"
	"duet/store"
	"duet/store/index"
)

// Kind is what a Query asks for.
type Kind string

// What can be asked.
const (
	Ls         Kind = "ls"
	Show       Kind = "show"
	History    Kind = "history"
	Tombstones Kind = "tombstones"
	StatsOf    Kind = "stats"
	Check      Kind = "check"
	Dump       Kind = "dump"
	KeptLs     Kind = "kept"
	KeptShow   Kind = "kept-show"
	Log        Kind = "log"
	Conflicts  Kind = "conflicts"
)

// Query is one question about one share.
type Query struct {
	Kind    Kind   `json:"kind"`
	Share   string `json:"share"`
	Pattern string `json:"pattern,omitempty"` // raw path, or glob; "": all
	Exact   bool   `json:"exact,omitempty"`   // Pattern is a path even if it looks like a glob
	Limit   int    `json:"limit,omitempty"`   // History, Log: so many, the newest; 0: all
	ID      uint64 `json:"id,omitempty"`      // KeptShow: which
	Window  Window `json:"window,omitzero"`   // KeptLs: which of them; Log: Since and Until
	From    uint64 `json:"from,omitempty"`    // Log: from this position on
	Pending bool   `json:"pending,omitempty"` // Ls: only what somebody has to act on
	Self    string `json:"self,omitempty"`    // names of the nodes
	Peer    string `json:"peer,omitempty"`
}

// run is a query at work.
type run struct {
	Query
	tx    *store.Tx
	names Names
	want  pattern
	out   *json.Encoder
}

// Run writes the answer as JSON lines.
func Run(tx *store.Tx, q Query, file string, w io.Writer) error {
	meta, err := tx.Meta()
	if err != nil {
		return err
	}
	buf := bufio.NewWriter(w)
	r := &run{Query: q, tx: tx, names: Names{q.Self, q.Peer, meta}, out: json.NewEncoder(buf)}
	r.out.SetEscapeHTML(false)
	r.want = pattern{q.Pattern, isGlob(q.Pattern) && !q.Exact}
	if !r.want.valid() {
		return exit.Errorf(exit.Usage, "pattern %s: not a glob: a '[' must have its ']'", index.Quote(q.Pattern))
	}
	if !r.want.glob && q.Pattern != "" {
		if _, err := index.ParsePath(q.Pattern); err != nil {
			return err
		}
	}
	switch q.Kind {
	case Ls:
		err = r.ls()
	case Show:
		err = r.show()
	case History:
		err = r.history()
	case Tombstones:
		err = r.tombstones()
	case StatsOf:
		err = r.stats(meta, file)
	case Check:
		err = r.check()
	case Dump:
		err = r.dump(meta)
	case KeptLs:
		err = r.kept()
	case Log:
		err = r.log()
	case KeptShow:
		err = r.keptShow()
	case Conflicts:
		err = r.conflicts()
	default:
		err = fmt.Errorf("unknown query %q", q.Kind)
	}
	if err != nil {
		return err
	}
	return buf.Flush()
}

// ErrUnknownPath says that the index has no record of a path.
type ErrUnknownPath struct {
	Share string
	Path  index.Path
}

func (e *ErrUnknownPath) Error() string {
	return fmt.Sprintf("share %q: nothing is known of %v: see 'duet index ls' for what is there", e.Share, e.Path)
}

func (r *run) ls() error {
	list := func(rec *index.Record) error {
		e := rec.Ours
		if !e.Live() && rec.Next == index.Take && rec.Theirs.Live() {
			e = rec.Theirs
		}
		if !e.Live() || r.Pending && (rec.Next == index.Nothing || rec.Next == index.Left) || !r.want.match(rec.Path) {
			return nil
		}
		return r.out.Encode(Listed{r.Share, rec.Path.String(), *r.names.entry(e), uint64(rec.Pos), rec.Next.String()})
	}
	if r.want.text == "" || r.want.glob {
		return r.each(list)
	}
	dir := index.Path(r.want.text)
	rec, err := r.tx.Get(dir)
	if err != nil {
		return err
	}
	if rec == nil {
		return &ErrUnknownPath{r.Share, dir}
	}
	if err := list(rec); err != nil {
		return err
	}
	for rec, err := range r.tx.Under(dir) {
		if err != nil {
			return err
		}
		if err := list(rec); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) each(f func(*index.Record) error) error {
	for rec, err := range r.tx.Range(index.Root, false) {
		if err != nil {
			return err
		}
		if err := f(rec); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) show() error {
	p, err := index.ParsePath(r.Pattern)
	if err != nil {
		return err
	}
	rec, err := r.tx.Get(p)
	if err != nil {
		return err
	}
	if rec == nil {
		return &ErrUnknownPath{r.Share, p}
	}
	return r.out.Encode(r.names.record(r.Share, rec))
}

func (r *run) history() error {
	n := 0
	for ev, err := range r.tx.EventsBack(r.tx.Head()) {
		if err != nil {
			return err
		}
		if !r.concerns(ev) {
			continue
		}
		if err := r.out.Encode(r.names.event(r.Share, ev)); err != nil {
			return err
		}
		if n++; n == r.Limit {
			break
		}
	}
	if n == 0 && r.want.text != "" && !r.want.glob {
		return &ErrUnknownPath{r.Share, index.Path(r.want.text)}
	}
	return nil
}

func (r *run) tombstones() error {
	meta := r.names.meta
	return r.each(func(rec *index.Record) error {
		if rec.Ours == nil || rec.Ours.Kind != index.Gone || !r.want.match(rec.Path) {
			return nil
		}
		row := Tombstone{Share: r.Share, Path: rec.Path.String(), By: r.names.node(rec.Ours.Origin), Apart: rec.Ours.Apart,
			Next: rec.Next.String(), Pos: uint64(rec.Pos), Known: rec.Pos <= meta.Acked}
		for ev, err := range r.tx.Events(rec.Pos) {
			if err != nil {
				return err
			}
			row.Time = ev.Time // the journal keeps what carries a record
			break
		}
		return r.out.Encode(row)
	})
}

func (r *run) stats(m store.Meta, file string) error {
	c, err := r.tx.Counts()
	if err != nil {
		return err
	}
	row := Stats{
		Share: r.Share, File: file, Format: m.Format, Node: m.Node.String(), Epoch: m.Epoch.String(),
		Head: uint64(r.tx.Head()), Acked: uint64(m.Acked), Heard: uint64(m.Heard),
		Records: c.Records, Files: c.Files, Dirs: c.Dirs, Links: c.Links, Bytes: c.Bytes, Tombstones: c.Tombstones,
		Take: c.Take, Wait: c.Wait, Held: c.Held, Ignored: c.Left, Conflicts: c.Conflicts, Kept: c.Kept, KeptBytes: c.KeptBytes, Intents: c.Intents,
		Connected: m.Connected, Parted: m.Parted, PartedWhy: m.PartedWhy, Clean: m.Clean, Paused: m.Paused, Halt: m.Halt,
	}
	if m.PeerEpoch != 0 {
		row.PeerEpoch = m.PeerEpoch.String()
	}
	if st, err := os.Stat(file); err == nil {
		row.FileBytes = st.Size()
	}
	return r.out.Encode(row)
}

func (r *run) check() error {
	n := 0
	for broken := range store.Check(r.tx, store.CheckOptions{}) {
		n++
		if err := r.out.Encode(Checked{Share: r.Share, Broken: broken.Error()}); err != nil {
			return err
		}
	}
	return r.out.Encode(Checked{Share: r.Share, Done: true, Count: n})
}

func (r *run) conflicts() error {
	for c, err := range r.tx.Conflicts() {
		if err != nil {
			return err
		}
		if c.Closed || !r.want.match(c.Path) {
			continue
		}
		if err := r.out.Encode(r.names.conflict(r.Share, c)); err != nil {
			return err
		}
	}
	return nil
}
