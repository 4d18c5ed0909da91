// Package restore brings kept versions back: one to its old place or to a place
// outside the share, or the newest of each path that a person selects. What is
// restored into the tree is an own edit, which has seen all that the index knows,
// and what is there is kept in turn. All of it runs in the writer lane.
package restore

import (
	"context"
	"fmt"

	"duet/replicate/book"
	"duet/replicate/install"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// Restorer restores for one share.
type Restorer struct {
	Share string // its name
	Book  *book.Book
	Env   install.Env
	Check func(vfs.Files) error // why the tree must not be written; nil if it may
	Names uint64                // random: names in the stage of one process never meet another's
}

// Kept returns the kept version with this id.
func (r *Restorer) Kept(id uint64) (*index.Kept, error) {
	var k *index.Kept
	err := r.Book.Store.View(func(tx *store.Tx) (err error) {
		k, err = tx.GetKept(id)
		return err
	})
	if err == nil && k == nil {
		err = fmt.Errorf("there is no kept version %d: see 'duet kept ls --share %s'", id, r.Share)
	}
	return k, err
}

// Restore puts k in its old place, with the directories that lead there.
func (r *Restorer) Restore(ctx context.Context, files vfs.Files, k *index.Kept) error {
	if err := r.Check(files); err != nil {
		return err
	}
	jobs, err := r.missingParents(k.Path)
	if err != nil {
		return err
	}
	e := *k.Entry
	job := install.Job{
		Path: k.Path, Entry: &e, Own: true, What: index.Restored, How: index.ByUser, By: r.Book.Policy.Self,
		Note: fmt.Sprintf("kept version %d", k.ID), Reason: index.Overwritten,
	}
	if e.Kind == index.File {
		rec, err := r.Book.Get(k.Path)
		if err != nil {
			return err
		}
		job.Staged = vfs.Held{Area: vfs.Stage, Name: fmt.Sprintf("%x-restore-%d", r.Names, k.ID)}
		from := install.Source{Held: vfs.Held{Area: vfs.Kept, Name: k.Held}}
		if _, err := install.Copy(files, from, &e, r.Env.Meta(&e, rec), job.Staged); err != nil {
			return fmt.Errorf("restore %v: %w", k.Path, err)
		}
	}
	out, err := install.Batch(ctx, r.Book.Store, files, r.Env, append(jobs, job))
	if err != nil {
		return err
	}
	for _, o := range out {
		if o.Path != k.Path {
			continue
		}
		switch {
		case o.Err != nil:
			return fmt.Errorf("restore %v: %w", k.Path, o.Err)
		case o.Busy:
			return fmt.Errorf("restore %v: a process has the file open for writing; try again when it is done", k.Path)
		}
	}
	return nil
}

// missingParents makes the jobs for the directories above p that are gone.
func (r *Restorer) missingParents(p index.Path) ([]install.Job, error) {
	var jobs []install.Job
	for d := p.Parent(); d != index.Root; d = d.Parent() {
		rec, err := r.Book.Get(d)
		if err != nil {
			return nil, err
		}
		if rec != nil && rec.Ours.LiveKind() == index.Dir {
			break
		}
		if rec != nil && rec.Ours.Live() {
			return nil, fmt.Errorf("%v is a %v now: move it away, or restore with --to", d, rec.Ours.Kind)
		}
		e := &index.Entry{Kind: index.Dir, Mode: 0o755}
		jobs = append([]install.Job{{
			Path: d, Entry: e, Own: true, What: index.Restored, How: index.ByUser, By: r.Book.Policy.Self,
		}}, jobs...)
	}
	return jobs, nil
}
