// Package install changes a share's tree to what was decided, so that a crash
// at any instant loses nothing.
//
// A batch writes its intents with one commit, does its verbs one after
// another, puts all directory entries on stable storage in one round, and
// writes down what was done with one more commit. Each verb is a check, an
// atomic call, and a look at what came out: between the check and the call
// anybody may save, and then that save is what came out, and goes back.
//
// An error of one path stays with that path. Batch itself fails only if it
// cannot write the index, or cannot tell what became of something: then the
// intents are still there for recovery.Replay.
package install

import (
	"context"
	"errors"
	"slices"

	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// Batch does jobs, in an order of its own, and returns one outcome for each,
// in the order of jobs. It must be called from the share's writer lane. An
// error means that something is not settled: recovery.Replay must run before
// the next Batch.
func Batch(ctx context.Context, st *store.Store, files vfs.Files, env Env, jobs []Job) ([]Outcome, error) {
	if env.Opened != nil {
		open, err := Open(st, files, jobs)
		if len(open) > 0 {
			env.Opened(open)
		}
		if err != nil {
			return nil, err
		}
	}
	b := &batch{
		ctx: ctx, st: st, files: files, env: env, jobs: slices.Clone(jobs),
		out: make(map[index.Path]*task), nests: make(map[string]*task),
	}
	if err := b.plan(); err != nil {
		return nil, err
	}
	b.stage()
	if err := b.promise(); err != nil {
		b.tidy()
		return nil, err
	}
	b.act()
	b.unname()
	if err := b.sync(); err != nil {
		return nil, err
	}
	if err := b.commit(); err != nil {
		return nil, err
	}
	b.tellUndone()
	b.tidy()
	err := b.unfold()
	return b.outcomes(), errors.Join(err, b.open())
}

type batch struct {
	ctx    context.Context
	st     *store.Store
	files  vfs.Files
	env    Env
	jobs   []Job
	head   index.Seq // of the journal, for names
	all    []*task
	tasks  []*task              // those with something to do, in order
	out    map[index.Path]*task // the directories that are to go out whole
	moving []*subtree           // the directories that are moved with all that is in them
	nests  map[string]*task     // the directories that were staged with files in them, by their names in the stage
}

// act does the verbs.
func (b *batch) act() {
	for _, t := range b.tasks {
		if t.over() {
			continue
		}
		if err := b.ctx.Err(); err != nil {
			t.fail("%w", err)
			continue
		}
		switch t.verb {
		case 0:
			t.done, t.now = true, t.rec.Stamp
		case index.Place:
			b.place(t)
		case index.Swap:
			b.swap(t)
		case index.Move:
			if t.tree != nil {
				b.moveTree(t.tree)
			} else {
				b.move(t)
			}
		case index.SetMeta:
			b.setMeta(t)
		case index.Shelve:
			b.remove(t)
		}
	}
	b.shut()
}

// tellUndone tells of what was touched and is as it was. Of what was done, the
// record tells.
func (b *batch) tellUndone() {
	if b.env.Undone == nil {
		return
	}
	for _, t := range b.tasks {
		if t.done || t.verb == 0 || t.intent.ID == 0 {
			continue
		}
		b.env.Undone(t.path)
		if t.verb == index.Move {
			b.env.Undone(t.from.path)
		}
	}
}

// unfold takes the directories apart that were replaced by a file or link.
func (b *batch) unfold() error {
	var errs []error
	for _, t := range b.tasks {
		if t.unfold && t.done {
			errs = append(errs, b.env.Unfold(b.ctx, b.st, b.files, t.intent, t.how(), nil))
		}
	}
	return errors.Join(errs...)
}

// open returns the errors that leave an intent behind.
func (b *batch) open() error {
	var errs []error
	for _, t := range b.tasks {
		if t.open {
			errs = append(errs, t.err)
		}
	}
	return errors.Join(errs...)
}

func (b *batch) outcomes() []Outcome {
	out := make([]Outcome, len(b.jobs))
	for _, t := range b.all {
		o := &out[t.n]
		if t.path != t.job.Path {
			// The source of a move. What is wrong with it is not over for
			// the index: it still says that this node has to act there.
			o.Raced = o.Raced || t.raced
			continue
		}
		o.Path, o.Done, o.Busy, o.Stale = t.path, t.done, t.busy, t.stale
		o.Raced = o.Raced || t.raced || t.done && t.job.Own
		o.Kept, o.Err = t.kept, t.err
		o.Apart = t.tree != nil && t.tree.apart && t == t.tree.top
		if t.verb == index.Move {
			o.From = t.job.From
		}
	}
	return out
}

func (t *task) how() index.How {
	if t.job.How == 0 {
		return index.ByPeer
	}
	return t.job.How
}

// held names something in the stage.
func held(name string) vfs.Held { return vfs.Held{Area: vfs.Stage, Name: name} }
