package inspect

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"

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

	ConflictShow Kind = "conflict-show"
	Rulings      Kind = "rulings"
	Complete     Kind = "complete"
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
	All     bool   `json:"all,omitempty"`     // Ls: tombstones, and what only the peer has, too; Conflicts: those that are closed, too
	Type    string `json:"type,omitempty"`    // Dump: only rows of this type
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
	if q.Kind == Complete {
		q.Exact = true // the beginning of a path, which need not be one
	}
	r.want = pattern{q.Pattern, IsGlob(q.Pattern) && !q.Exact}
	if !r.want.valid() {
		return exit.Errorf(exit.Usage, "pattern %s: not a glob: a '[' must have its ']'", index.Quote(q.Pattern))
	}
	if !r.want.glob && q.Pattern != "" && q.Kind != Complete {
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
	case ConflictShow:
		err = r.conflictShow()
	case Rulings:
		err = r.rulings()
	case Complete:
		err = r.complete()
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
