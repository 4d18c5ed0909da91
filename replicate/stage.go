package replicate

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"

	"duet/replicate/install"
	"duet/replicate/transfer"
	"duet/replicate/wire"
	"duet/scan"
	"duet/scan/vfs"
	"duet/store/index"
)

// stageAtOnce is how many staged files are written and fsynced together: on a
// journalling filesystem sixteen fsyncs in parallel cost little more than one.
const stageAtOnce = 16

// stage brings the content of every job of the batch into the holding area:
// verified, with its metadata, on stable storage. A job that cannot have its
// content leaves the batch with an error; the others go on.
func (b *batch) stage(ctx context.Context, fetcher *transfer.Fetcher) {
	var mu sync.Mutex // guards b.failed in this function
	fail := func(p index.Path, err error) {
		mu.Lock()
		defer mu.Unlock()
		b.failed[p] = err
	}
	var group errgroup.Group
	group.SetLimit(stageAtOnce)
	for i := range b.jobs {
		j := &b.jobs[i]
		content, ok := b.small[j.Path]
		if !ok {
			continue
		}
		group.Go(func() error {
			if err := stageContent(b.files, j, content, b.meta(j)); err != nil {
				fail(j.Path, err)
			}
			return nil
		})
	}
	for _, c := range b.copies {
		j := &b.jobs[c.job]
		group.Go(func() error {
			if _, err := install.Copy(b.files, c.from, j.Entry, c.meta, j.Staged); err != nil {
				fail(j.Path, err)
			}
			return nil
		})
	}
	wants := withRoom(b.files, b.wants, fail)
	if len(wants) > 0 {
		err := fetcher.Fetch(ctx, wants, func(r transfer.Result) {
			if r.Err != nil {
				fail(r.Want.Path, r.Err)
			}
		})
		if err != nil {
			for _, w := range wants {
				fail(w.Path, errParted)
			}
		}
	}
	group.Wait()
	// Some of what failed may be here all the same: a session can end in the
	// instant in which a content is complete.
	var failed []install.Job
	for i := range b.jobs {
		if b.failed[b.jobs[i].Path] != nil {
			failed = append(failed, b.jobs[i])
		}
	}
	unstage(b.files, failed, nil)
	if ctx.Err() != nil {
		// Whichever was noticed first, the end of a stream or of the session:
		// it is no problem of a path.
		for _, w := range wants {
			if b.failed[w.Path] != nil {
				b.failed[w.Path] = errParted
			}
		}
	}
}

// errParted means that the session ended under a transfer. It is nobody's
// fault and no problem of a path: the next session goes on with it.
var errParted = errors.New("the connection was lost during the transfer")

func (b *batch) meta(j *install.Job) vfs.Meta { return b.metas[j.Path] }

// stageContent stages a content that came along with its change. The peer is
// input: the hash is checked before anything is written.
func stageContent(files vfs.Files, j *install.Job, content []byte, m vfs.Meta) error {
	if scan.SumBytes(content) != j.Entry.Hash {
		return errors.New("the content that came with the change has another hash than announced")
	}
	d, err := files.Create(j.Staged)
	if err != nil {
		return err
	}
	if _, err = d.Write(content); err == nil {
		_, err = d.Finish(m)
	}
	return errors.Join(err, d.Close())
}

// unstage clears away what was staged for jobs that came to nothing. A large
// file becomes a complete partial transfer, so that the next try need not
// fetch it again.
func unstage(files vfs.Files, jobs []install.Job, out []install.Outcome) {
	for i := range jobs {
		j := &jobs[i]
		if j.Staged.Name == "" || i < len(out) && out[i].Done {
			continue
		}
		part := vfs.Held{Area: vfs.Stage, Name: transfer.PartName(j.Entry.Hash)}
		if j.Entry.Size > wire.MaxContent && files.RenameHeld(j.Staged, part) == nil {
			continue
		}
		files.RemoveHeld(j.Staged) // what cannot be removed now goes at the next start
	}
}

// staged returns the jobs whose content is here.
func (b *batch) staged() []install.Job {
	if len(b.failed) == 0 {
		return b.jobs
	}
	var out []install.Job
	for _, j := range b.jobs {
		if b.failed[j.Path] == nil {
			out = append(out, j)
		}
	}
	return out
}
