package ruling

import (
	"context"
	"fmt"

	"duet/diff"
	"duet/recovery/landing"
	"duet/replicate/install"
	"duet/store"
	"duet/store/index"
)

// Work is a chunk of an order on its way through the writer lane.
type Work struct {
	d       *Desk
	ctx     context.Context
	errands []*Errand // as staged
	ruling  *uint64   // 0 until the first path is written down
	what    string    // the order in words
	again   func(*clerk, *Errand) (*Errand, error)
	rule    string // the line for the journal
	undo    uint64 // the ruling that is taken back; 0: none

	jobs  []install.Job
	now   map[index.Path]*Errand // of jobs; directories that are made on the way have none
	below map[index.Path]bool    // directories that go out whole, for something else
	seq   index.Seq
	epoch index.Epoch

	// Look are the paths that have to be examined, with all below them.
	Look map[index.Path]bool
	// Items are what became of the paths.
	Items []Item
}

// Work makes a chunk of o's errands. ruling is the number of the order, 0 until
// there is one; Carry sets it.
func (d *Desk) Work(ctx context.Context, o *Order, errands []*Errand, ruling *uint64) *Work {
	return &Work{
		d: d, ctx: ctx, errands: errands, ruling: ruling, what: "took " + o.Take.String(), rule: diff.LineRuled,
		again: func(k *clerk, e *Errand) (*Errand, error) {
			if e.child {
				return k.child(e.Path)
			}
			return k.errand(o, e.Path)
		},
	}
}

// Carry carries the chunk out. An error means that the index could not be
// written, or that something is not settled: recovery.Replay has to run.
func (w *Work) Carry() error {
	w.now, w.below, w.Look = map[index.Path]*Errand{}, map[index.Path]bool{}, map[index.Path]bool{}
	if err := w.d.Book.Store.View(w.prepare); err != nil {
		return err
	}
	if len(w.jobs) == 0 {
		return nil
	}
	if err := w.d.Book.Store.Update(w.writeDown); err != nil {
		return err
	}
	for i := range w.jobs {
		w.jobs[i].Note = w.note()
	}
	if err := w.settleBelow(); err != nil {
		return err
	}
	env := w.d.Env
	env.Doomed = w.doomed
	out, err := install.Batch(w.ctx, w.d.Book.Store, w.d.Files, env, w.jobs)
	if err != nil {
		return err
	}
	for i := range out {
		w.report(&out[i])
	}
	return w.d.Book.Store.Update(func(tx *store.Tx) error { return w.strike(tx, out) })
}

// prepare decides each path once more, now that nothing else writes, and makes
// its job.
func (w *Work) prepare(tx *store.Tx) error {
	k, err := w.d.clerk(tx)
	if err != nil {
		return err
	}
	w.seq, w.epoch = k.seq, k.epoch
	var able []*Errand
	for _, was := range w.errands {
		e, err := w.again(k, was)
		if err != nil {
			return err
		}
		e.staged, e.err = was.staged, was.err
		switch {
		case e.skip != "":
			w.item(e, DidSkip, e.skip)
		case e.err != nil:
			w.item(e, DidFail, e.err.Error())
		case e.needs && (was.want == nil || !was.needs || !index.SameContent(e.want, was.want)):
			w.item(e, DidSkip, "it has just been changed: try again")
		default:
			able = append(able, e)
			if e.rec.Ours.LiveKind() == index.Dir && e.want.Live() && e.want.Kind != index.Dir {
				w.below[e.Path] = true
			}
		}
	}
	for _, e := range able {
		// All edits of a chunk have one number: what stays by one of them may
		// not go by another, as two entries of the same version.
		if dir, goes := w.goesWith(e.Path); goes && e.want.Live() {
			w.item(e, DidSkip, fmt.Sprintf("it goes with %s, which is settled too", dir))
			continue
		}
		if err := w.add(k, e); err != nil {
			return err
		}
	}
	return nil
}

// add makes the job of an errand, and those of the directories above it that
// are missing.
func (w *Work) add(k *clerk, e *Errand) error {
	if e.want.Live() {
		if err := w.parents(k, e.Path); err != nil {
			return err
		}
	}
	j := install.Job{
		Path: e.Path, Entry: e.entry, Staged: e.staged, What: index.Resolved, How: index.ByUser,
		By: w.d.Book.Policy.Self, Rule: w.rule, Reason: index.Overruled,
	}
	if e.rival != nil && e.Ours && !e.child {
		// Listed as settled, for the day on which somebody takes it back.
		j.Conflict = &index.Conflict{Winner: e.entry, Loser: e.rival, Rule: w.rule}
	}
	w.jobs = append(w.jobs, j)
	w.now[e.Path] = e
	return nil
}

// parents makes the jobs for the directories above p that are missing.
func (w *Work) parents(k *clerk, p index.Path) error {
	for d := p.Parent(); d != index.Root && w.now[d] == nil && !w.Look[d]; d = d.Parent() {
		r, err := k.tx.Get(d)
		if err != nil {
			return err
		}
		if r != nil && r.Ours.Live() {
			return nil
		}
		var old *index.Entry
		if r != nil {
			old = r.Ours
		}
		e := diff.Edited(old, &index.Entry{Kind: index.Dir, Mode: 0o755, Origin: w.d.Book.Policy.Self}, k.epoch, k.seq)
		w.Look[d] = true
		w.jobs = append(w.jobs, install.Job{
			Path: d, Entry: e, What: index.Restored, How: index.ByUser, By: w.d.Book.Policy.Self, Rule: w.rule,
		})
	}
	return nil
}

// writeDown remembers what the paths are, before any of them is touched.
func (w *Work) writeDown(tx *store.Tx) error {
	if w.undo != 0 {
		return nil
	}
	for p, e := range w.now {
		if err := w.remember(tx, index.Ruled{Path: p, Before: e.rec.Ours, After: e.entry.Version, Theirs: e.rival, Gone: !e.entry.Live()}); err != nil {
			return err
		}
	}
	return nil
}

func (w *Work) remember(tx *store.Tx, r index.Ruled) error {
	if *w.ruling == 0 {
		id, err := tx.AddRuling(index.Ruling{Time: w.d.Book.Now().UnixNano(), What: w.what})
		if err != nil {
			return err
		}
		*w.ruling = id
	}
	r.Ruling = *w.ruling
	return tx.PutRuled(r)
}

// note says in the journal by which order something was done.
func (w *Work) note() string {
	if w.undo != 0 {
		return fmt.Sprintf("ruling %d", w.undo)
	}
	return fmt.Sprintf("ruling %d: %s", *w.ruling, w.what)
}

// strike forgets the paths to which nothing was done; of an order that is taken
// back, those to which something was.
func (w *Work) strike(tx *store.Tx, out []install.Outcome) error {
	for i := range out {
		e := w.now[out[i].Path]
		if e == nil {
			continue
		}
		switch {
		case w.undo == 0 && !out[i].Done:
			if err := tx.DropRuled(*w.ruling, e.Path); err != nil {
				return err
			}
		case w.undo != 0 && out[i].Done:
			if err := w.unlist(tx, e); err != nil {
				return err
			}
		}
	}
	if w.undo == 0 {
		if r, err := tx.GetRuling(*w.ruling); err != nil || r == nil {
			*w.ruling = 0
			return err
		}
	}
	return nil
}

// report says what became of one path.
func (w *Work) report(o *install.Outcome) {
	e := w.now[o.Path]
	if o.Raced || o.Busy {
		w.Look[o.Path] = true
	}
	if e == nil {
		if !o.Done {
			w.Items = append(w.Items, Item{Path: o.Path.String(), Did: DidFail, Detail: why(o)})
		}
		return
	}
	switch {
	case !o.Done:
		w.item(e, DidFail, why(o))
	case index.Same(e.rec.Ours, e.entry) || !e.rec.Ours.Live() && !e.entry.Live():
		w.item(e, DidKeep, "")
	case o.Kept != 0:
		w.item(e, DidReplace, fmt.Sprintf("what was there is kept version %d", o.Kept))
	default:
		w.item(e, DidReplace, "")
	}
}

func why(o *install.Outcome) string {
	switch {
	case o.Busy:
		return "a process has the file open for writing: try again when it is done"
	case o.Err != nil:
		return o.Err.Error()
	}
	return "it has just been changed here: try again"
}

func (w *Work) item(e *Errand, did, detail string) {
	it := Item{Path: e.Path.String(), Did: did, Held: e.Held, Detail: detail}
	if did == DidKeep || did == DidReplace {
		it.Took = w.d.Peer
		if e.Ours {
			it.Took = w.d.Self
		}
	}
	w.Items = append(w.Items, it)
}

// commit writes down a change of a record that changes nothing in the tree.
func (w *Work) commit(tx *store.Tx, r *index.Record, e *index.Entry, what index.What) error {
	l := &landing.Landing{
		Path: r.Path, Record: r, Entry: e, What: what, How: index.ByUser, By: w.d.Book.Policy.Self, Rule: w.rule, Note: w.note(),
	}
	if e.Live() {
		l.Stamp = r.Stamp
	}
	_, err := w.d.Env.Commit(tx, l)
	return err
}
