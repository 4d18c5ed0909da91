package rounds

import (
	"context"
	"errors"
	"math"
	"sync"

	"golang.org/x/sync/errgroup"

	"duet/replicate/install"
	"duet/replicate/room"
	"duet/replicate/transfer"
	"duet/scan"
	"duet/scan/vfs"
	"duet/store/index"
)

// stageAtOnce is how many staged files are written and fsynced together: on a
// journalling filesystem sixteen fsyncs in parallel cost little more than one.
const stageAtOnce = 16

// Stage brings the content of every job of the batch into the holding area:
// verified, with its metadata, on stable storage. A job that cannot have its
// content leaves the batch with an error; the others go on.
func (b *Batch) Stage(ctx context.Context, fetcher *transfer.Fetcher) {
	var mu sync.Mutex // guards b.Failed in this function
	fail := func(p index.Path, err error) {
		mu.Lock()
		defer mu.Unlock()
		b.Failed[p] = err
	}
	room.Sparse(ctx, b.Files, fetcher, b.wants)
	budget, err := b.room.Ask(ctx, b.Files, b.need())
	if err != nil {
		for i := range b.Jobs {
			b.Failed[b.Jobs[i].Path] = ErrParted
		}
		return
	}
	defer budget.Return()
	var group errgroup.Group
	group.SetLimit(stageAtOnce)
	late := b.lateOnes()
	b.stageNests()
	b.stageSmall(&group, late, budget, fail)
	for _, c := range b.copies {
		j := &b.Jobs[c.job]
		if err := budget.Take(j.Entry.Size); err != nil {
			fail(j.Path, err)
			continue
		}
		group.Go(func() error {
			if _, err := install.Copy(b.Files, c.from, j.Entry, c.meta, j.Staged); err != nil {
				fail(j.Path, err)
			}
			return nil
		})
	}
	for i := range b.wants {
		b.wants[i].Late = late[b.wants[i].Path]
	}
	wants := budget.ForContents(b.wants, fail)
	if len(wants) > 0 {
		if err := fetcher.Fetch(ctx, wants, b.fetched(fail)); err != nil {
			for _, w := range wants {
				fail(w.Path, ErrParted)
			}
		}
	}
	group.Wait()
	b.syncLate(late, fail)
	// Some of what failed may be here all the same: a session can end in the
	// instant in which a content is complete.
	var failed []install.Job
	for i := range b.Jobs {
		if b.Failed[b.Jobs[i].Path] != nil {
			failed = append(failed, b.Jobs[i])
		}
	}
	b.Unstage(failed, nil)
	if ctx.Err() != nil {
		// Whichever was noticed first, the end of a stream or of the session:
		// it is no problem of a path.
		for _, w := range wants {
			if b.Failed[w.Path] != nil {
				b.Failed[w.Path] = ErrParted
			}
		}
	}
}

// fetched returns what takes note of a content that was fetched.
func (b *Batch) fetched(fail func(index.Path, error)) func(transfer.Result) {
	at := make(map[index.Path]int, len(b.Jobs))
	for i := range b.Jobs {
		at[b.Jobs[i].Path] = i
	}
	return func(r transfer.Result) {
		if r.Err != nil {
			fail(r.Want.Path, r.Err)
			return
		}
		b.Jobs[at[r.Want.Path]].Stamp = r.Stamp
	}
}

// need is how many bytes all of the batch are.
func (b *Batch) need() int64 {
	n := int64(0)
	add := func(size int64) { n += min(size, math.MaxInt64-n) }
	for _, content := range b.small {
		add(int64(len(content)))
	}
	for _, c := range b.copies {
		add(b.Jobs[c.job].Entry.Size)
	}
	for i := range b.wants {
		add(b.wants[i].Needs())
	}
	return n
}

// ErrParted means that the session ended under a transfer. It is nobody's
// fault and no problem of a path: the next session goes on with it.
var ErrParted = errors.New("the connection was lost during the transfer")

// together is from how many small contents on they are put on stable storage in
// one go: see vfs.Files.SyncStaged. The large ones are fsynced while others are
// still on their way.
const (
	together  = 64
	smallSize = 256 << 10
)

// lateOnes are the paths whose contents are put on stable storage when all are
// staged; nil if there are too few of them.
func (b *Batch) lateOnes() map[index.Path]bool {
	late := make(map[index.Path]bool, len(b.small)+len(b.wants))
	for p := range b.small {
		late[p] = true
	}
	for i := range b.wants {
		if b.wants[i].Size <= smallSize {
			late[b.wants[i].Path] = true
		}
	}
	if len(late) < together {
		return nil
	}
	return late
}

// stageSmall stages the contents that came along with their changes.
func (b *Batch) stageSmall(group *errgroup.Group, late map[index.Path]bool, budget *room.Budget, fail func(index.Path, error)) {
	finish := vfs.Draft.Finish
	if late != nil {
		finish = vfs.Draft.Dress
	}
	for i := range b.Jobs {
		j := &b.Jobs[i]
		content, ok := b.small[j.Path]
		if !ok {
			continue
		}
		if err := budget.Take(int64(len(content))); err != nil {
			fail(j.Path, err)
			continue
		}
		group.Go(func() error {
			err := stageContent(b.Files, j, content, b.metas[j.Path], finish)
			if err != nil && j.Staged.In != "" {
				// What is there of it is removed before its directory is placed.
				j.Staged = apart(j.Staged, i)
				err = stageContent(b.Files, j, content, b.metas[j.Path], finish)
			}
			if err != nil {
				fail(j.Path, err)
			}
			return nil
		})
	}
}

// stageContent stages a content that came along with its change. The peer is
// input: the hash is checked before anything is written.
func stageContent(files vfs.Files, j *install.Job, content []byte, m vfs.Meta, finish func(vfs.Draft, vfs.Meta) (index.Stamp, error)) error {
	if scan.SumBytes(content) != j.Entry.Hash {
		return errors.New("the content that came with the change has another hash than announced")
	}
	d, err := files.Create(j.Staged)
	if err != nil {
		return err
	}
	if _, err = d.Write(content); err == nil {
		j.Stamp, err = finish(d, m)
	}
	return errors.Join(err, d.Close())
}

// syncLate puts the late ones on stable storage, but for those that failed.
func (b *Batch) syncLate(late map[index.Path]bool, fail func(index.Path, error)) {
	var paths []index.Path
	var staged []vfs.Held
	for i := range b.Jobs {
		j := &b.Jobs[i]
		if late[j.Path] && b.Failed[j.Path] == nil {
			paths, staged = append(paths, j.Path), append(staged, j.Staged)
		}
	}
	if len(staged) == 0 {
		return
	}
	for i, err := range b.Files.SyncStaged(staged) {
		if err != nil {
			fail(paths[i], err)
		}
	}
}

// Staged returns the jobs whose content is here.
func (b *Batch) Staged() []install.Job {
	if len(b.Failed) == 0 {
		return b.Jobs
	}
	var out []install.Job
	for _, j := range b.Jobs {
		if b.Failed[j.Path] == nil {
			out = append(out, j)
		}
	}
	return out
}

// Unstage clears away what was staged for jobs that came to nothing.
func (b *Batch) Unstage(jobs []install.Job, out []install.Outcome) {
	for i := range jobs {
		j := &jobs[i]
		if j.Staged.Name != "" && j.Entry.Kind == index.Dir {
			// Placed it has no name there any more; else there is nothing in it
			// but what came to nothing, too.
			_ = b.Files.RemoveHeld(j.Staged)
			continue
		}
		if j.Staged.Name != "" && !(i < len(out) && out[i].Done) {
			transfer.Abandon(b.Files, j.Staged, j.Entry.Hash, j.Entry.Size)
		}
	}
}
