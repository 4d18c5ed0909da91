package install

import (
	"fmt"

	"duet/diff"
	"duet/recovery/landing"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// task is one path on its way through a batch. A job is one task, or two if
// it is a move: the source is a path of its own.
type task struct {
	job   *Job
	n     int // of the job
	path  index.Path
	entry *index.Entry
	rec   *index.Record // before the batch

	verb   index.Verb // 0: the tree needs nothing
	from   *task      // Move, or a copy of what is to go: the source's task
	to     *task      // the source's: where it is moved or copied to
	clear  *clearing  // it is removed with all that is in it, or along with one
	tree   *subtree   // it is moved with all that is in it, or along with one
	unfold bool       // a directory goes out whole, for a file or link
	with   bool       // went out with a directory above it, which writes it down

	nest     *task       // Place: the directory that it is staged in, and placed with
	nested   []*task     // a directory's: what is placed with it
	staged   vfs.Held    // Place, Swap
	fresh    bool        // staged by the batch itself
	first    vfs.Held    // Swap: the name that staged had before the swap
	swapName string      // and the one that it has for it
	expect   index.Stamp // Swap: what has to come out
	shut     bool        // a directory whose own mode comes last
	swapped  bool        // it was in the tree
	stamp    index.Stamp // of what is staged; for the source of a move, after its metadata is set
	intent   index.Intent

	done   bool // the tree is as entry says
	raced  bool // the tree is not what the index says
	busy   bool
	stale  bool
	err    error
	open   bool // cannot be told done or undone: the intent has to stay
	now    index.Stamp
	out    *landing.Displaced
	retake index.Stamp // undone, but the record's stamp is this by now
	kept   uint64
}

// rule is the line of the decision table that t follows.
func (t *task) rule() string {
	if t.path != t.job.Path {
		return t.job.FromRule // the source of a move that has no job of its own
	}
	return t.job.Rule
}

// over reports whether nothing more is to be tried for t.
func (t *task) over() bool { return t.done || t.raced || t.busy || t.stale || t.err != nil }

// fail notes an error of this path, once.
func (t *task) fail(format string, args ...any) {
	if t.err == nil {
		t.err = fmt.Errorf("install %v: "+format, append([]any{t.path}, args...)...)
	}
}

// plan reads the records and decides what each job takes.
//
// The writer lane does one thing at a time: what is read here stays true until
// the batch has written, so there is no need to read it again.
func (b *batch) plan() error {
	return b.st.View(func(tx *store.Tx) error {
		b.head = tx.Head()
		pending, err := tx.Intents()
		if err != nil {
			return err
		}
		busy := make(map[index.Path]bool, len(pending))
		for _, in := range pending {
			busy[in.Path] = true
		}
		byPath := make(map[index.Path]*task, len(b.jobs))
		for n := range b.jobs {
			t := &task{job: &b.jobs[n], n: n, path: b.jobs[n].Path, entry: b.jobs[n].Entry}
			if t.rec, err = record(tx, t.path, t.job.Known, t.job.At); err != nil {
				return err
			}
			b.all = append(b.all, t)
			switch {
			case busy[t.path]:
				t.fail("%w", ErrPending)
			case byPath[t.path] != nil:
				t.fail("%w", ErrTwice)
			case b.env.Recheck != nil && !b.env.Recheck(t.rec, t.job):
				t.stale = true
			default:
				byPath[t.path] = t
			}
		}
		if err := b.pair(tx, byPath); err != nil {
			return err
		}
		b.order(byPath)
		b.clearings()
		return b.trees(tx)
	})
}

// record reads the record of p, unless it is known from when the index was as it is. It
// will be changed here, and whoever knows it may be reading it just now.
func record(tx *store.Tx, p index.Path, known *index.Record, at store.Moment) (*index.Record, error) {
	if known != nil && at == tx.Moment() && known.Path == p {
		r := *known
		return &r, nil
	}
	r, err := tx.Get(p)
	if r == nil && err == nil {
		r = &index.Record{Path: p}
	}
	return r, err
}

// pair finds the source's task of each move, or makes it.
func (b *batch) pair(tx *store.Tx, byPath map[index.Path]*task) error {
	for _, t := range b.all {
		if t.job.From == index.Root || t.over() {
			continue
		}
		src := byPath[t.job.From]
		if src == nil && t.job.FromEntry != nil {
			var err error
			if src, err = b.source(tx, t); err != nil {
				return err
			}
			if src != nil {
				byPath[src.path] = src
				b.all = append(b.all, src)
			}
		}
		if src != nil && src.to == nil && !src.entry.Live() && src.rec.Ours.Live() &&
			index.SameContent(src.rec.Ours, t.entry) {
			t.from, src.to = src, t
		}
	}
	return nil
}

// source makes the task of a move's source, nil if that is not to go any more:
// since the job was made somebody may have changed it, and then it stays.
func (b *batch) source(tx *store.Tx, t *task) (*task, error) {
	src := &task{job: t.job, n: t.n, path: t.job.From, entry: t.job.FromEntry}
	var err error
	if src.rec, err = record(tx, src.path, t.job.KnownFrom, t.job.At); err != nil {
		return nil, err
	}
	if b.env.Doomed != nil && src.rec.Ours.Live() {
		src.entry = b.env.Doomed(src.rec)
	}
	if src.entry == nil || !index.SameContent(src.rec.Ours, t.entry) {
		return nil, nil
	}
	return src, nil
}

// order gives each task its verb, and puts them in the order of diff.Order,
// which also says which moves have to be copies: then the source is removed
// like anything else, once the copy is there.
func (b *batch) order(byPath map[index.Path]*task) {
	steps := make([]diff.Step, 0, len(byPath))
	for _, t := range b.all {
		if byPath[t.path] != t {
			continue
		}
		s := diff.Step{Path: t.path, Verb: verbFor(t.entry, t.rec.Ours), Entry: t.entry, Was: t.rec.Ours}
		if t.job.Repair && s.Verb == 0 && t.entry.Live() {
			s.Verb = index.Swap
		}
		if t.from != nil && s.Verb == index.Place {
			s.From, s.Verb = t.from.path, index.Move
		}
		steps = append(steps, s)
	}
	for _, s := range diff.Order(steps) {
		t := byPath[s.Path]
		t.verb = s.Verb
		if t.verb == index.Swap && t.rec.Ours.Kind == index.Dir {
			t.unfold = true
			b.out[t.path] = t
		}
		b.tasks = append(b.tasks, t)
	}
}

// verbFor says what the tree needs to have want where it has ours.
func verbFor(want, ours *index.Entry) index.Verb {
	switch {
	case !want.Live() && !ours.Live():
		return 0
	case !want.Live():
		return index.Shelve
	case !ours.Live():
		return index.Place
	case !index.SameContent(want, ours):
		return index.Swap
	case !index.Same(want, ours):
		return index.SetMeta
	}
	return 0
}
