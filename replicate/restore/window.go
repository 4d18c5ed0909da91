package restore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"duet/replicate/install"
	"duet/replicate/transfer"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// Bounds of one job of a restore in the writer lane.
const (
	restorePaths = 200
	restoreBytes = 64 << 20
)

// Order is what a person wants brought back.
type Order struct {
	Match  func(*index.Kept) bool
	Force  bool // also where something else is now; that is kept in turn
	DryRun bool
}

// What became of a path of a restore.
const (
	DidRestore = "restored"
	DidNothing = "there already" // the same is in its place
	DidSkip    = "skipped"       // something else is in its place
	DidFail    = "failed"
)

// Result is what a restore did, or would do.
type Result struct {
	Share   string `json:"share"`
	DryRun  bool   `json:"dry_run"`
	Files   int64  `json:"files"` // restored
	Dirs    int64  `json:"dirs"`
	Links   int64  `json:"links"`
	Bytes   int64  `json:"bytes"`
	Already int64  `json:"already"` // paths where the same is
	Skipped int64  `json:"skipped"` // paths where something else is
	Failed  int64  `json:"failed"`
	Items   []Item `json:"items"`
	More    int64  `json:"more"` // items that are not listed
}

// Item is one of its paths.
type Item struct {
	ID     uint64 `json:"id"`
	Path   string `json:"path"` // escaped
	Kind   string `json:"kind"`
	Bytes  int64  `json:"bytes"`
	Time   int64  `json:"time_ns"` // when it was displaced
	Did    string `json:"did"`
	Detail string `json:"detail,omitempty"`
}

// maxItems bounds what a Result lists.
const maxItems = 10_000

func (r *Result) add(k *index.Kept, did, detail string) {
	kind := k.Entry.LiveKind()
	bytes := int64(0)
	if kind == index.File {
		bytes = k.Entry.Size
	}
	switch did {
	case DidRestore:
		r.Bytes += bytes
		switch kind {
		case index.Dir:
			r.Dirs++
		case index.Symlink:
			r.Links++
		default:
			r.Files++
		}
	case DidNothing:
		r.Already++
	case DidSkip:
		r.Skipped++
	case DidFail:
		r.Failed++
	}
	if len(r.Items) == maxItems {
		r.More++
		return
	}
	r.Items = append(r.Items, Item{
		ID: k.ID, Path: k.Path.String(), Kind: kind.String(), Bytes: bytes, Time: k.Time, Did: did, Detail: detail,
	})
}

// Newest finds the newest kept version of each path. What was found without a
// record has no place to go back to.
func (r *Restorer) Newest(match func(*index.Kept) bool) (map[index.Path]uint64, error) {
	out := map[index.Path]uint64{}
	err := r.Book.Store.View(func(tx *store.Tx) error {
		for k, err := range tx.AllKept() {
			if err != nil {
				return err
			}
			if k.Reason != index.Found && k.Reason != index.Corrupt && k.Entry.Live() && match(&k) {
				out[k.Path] = k.ID
			}
		}
		return nil
	})
	return out, err
}

// Job is one job of the writer lane in a restore of many paths.
type Job struct {
	*Restorer
	Files vfs.Files
	Order Order
	Out   *Result

	jobs  []install.Job
	whose map[index.Path]*index.Kept // of jobs; parents that are made on the way have none
	bytes int64
	Shut  []*index.Kept       // directories that their owner may not write in, once all is restored
	Look  map[index.Path]bool // to be examined, with all below
}

// Run restores the first n of paths.
func (c *Job) Run(ctx context.Context, paths []index.Path, newest map[index.Path]uint64) (n int, err error) {
	c.whose, c.Look = map[index.Path]*index.Kept{}, map[index.Path]bool{}
	if err := c.Check(c.Files); err != nil {
		return 0, err
	}
	for n < len(paths) && n < 10*restorePaths && len(c.whose) < restorePaths && c.bytes < restoreBytes {
		p := paths[n]
		n++
		k, err := c.Kept(newest[p])
		if err != nil {
			c.Out.add(&index.Kept{ID: newest[p], Path: p}, DidFail, err.Error())
			continue
		}
		if err := c.plan(k); err != nil {
			c.Out.add(k, DidFail, err.Error())
		}
	}
	if len(c.jobs) == 0 {
		return n, nil
	}
	done, err := install.Batch(ctx, c.Book.Store, c.Files, c.Env, c.jobs)
	if err != nil {
		return n, err
	}
	for i := range c.jobs {
		if j := &c.jobs[i]; j.Staged.Name != "" && !(i < len(done) && done[i].Done) {
			transfer.Abandon(c.Files, j.Staged, j.Entry.Hash, j.Entry.Size)
		}
	}
	for i := range done {
		c.report(&done[i])
	}
	return n, nil
}

// plan makes the jobs for one version, or says why there are none.
func (c *Job) plan(k *index.Kept) error {
	did, err := c.inPlace(k)
	if err != nil {
		return err
	}
	if did != DidRestore {
		detail := ""
		if did == DidSkip {
			detail = "something else is there now; --force replaces and keeps it"
		}
		c.Out.add(k, did, detail)
		return nil
	}
	if c.Order.DryRun {
		c.Out.add(k, DidRestore, "")
		return nil
	}
	if err := c.parents(k.Path); err != nil {
		return err
	}
	e := *k.Entry.Bare()
	job := install.Job{
		Path: k.Path, Entry: &e, Own: true, What: index.Restored, How: index.ByUser, By: c.Book.Policy.Self,
		Note: fmt.Sprintf("kept version %d", k.ID), Reason: index.Overwritten,
	}
	if e.Kind == index.File {
		r, err := c.Book.Get(k.Path)
		if err != nil {
			return err
		}
		job.Staged = vfs.Held{Area: vfs.Stage, Name: fmt.Sprintf("%x-restore-%d", c.Names, k.ID)}
		from := install.Source{Held: vfs.Held{Area: vfs.Kept, Name: k.Held}}
		if _, err := install.Copy(c.Files, from, &e, c.Env.Meta(&e, r), job.Staged); err != nil {
			return err
		}
		c.bytes += e.Size
	}
	c.jobs = append(c.jobs, job)
	c.whose[k.Path] = k
	return nil
}

// inPlace looks at what is in the version's place now.
func (c *Job) inPlace(k *index.Kept) (did string, err error) {
	r, err := c.Book.Get(k.Path)
	if err != nil {
		return "", err
	}
	info, err := c.Files.Lstat(k.Path)
	switch there := r != nil && r.Ours.Live(); {
	case errors.Is(err, fs.ErrNotExist) && there:
		return "", errors.New("it went just now, and the index does not know yet: try again")
	case errors.Is(err, fs.ErrNotExist):
		return DidRestore, nil
	case err != nil:
		return "", err
	case there && k.Entry.Kind == r.Ours.Kind && index.SameContent(k.Entry, r.Ours) && (!c.Order.Force || index.Same(k.Entry, r.Ours)):
		return DidNothing, nil
	case !there && info.Type == vfs.Directory && k.Entry.Kind == index.Dir:
		return DidNothing, nil // made just now
	case !there, !c.Order.Force:
		return DidSkip, nil
	}
	return DidRestore, nil
}

// parents makes jobs for the directories above p that are missing.
func (c *Job) parents(p index.Path) error {
	var missing []install.Job
	for d := p.Parent(); d != index.Root && c.whose[d] == nil && !c.made(d); d = d.Parent() {
		info, err := c.Files.Lstat(d)
		if err == nil && info.Type != vfs.Directory {
			return fmt.Errorf("%v is no directory now: move it away", d)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		missing = append(missing, install.Job{
			Path: d, Entry: &index.Entry{Kind: index.Dir, Mode: 0o755}, Own: true, What: index.Restored, How: index.ByUser, By: c.Book.Policy.Self,
		})
	}
	slices.Reverse(missing)
	c.jobs = append(c.jobs, missing...)
	return nil
}

func (c *Job) made(d index.Path) bool {
	return slices.ContainsFunc(c.jobs, func(j install.Job) bool { return j.Path == d })
}

// report takes note of what became of one path.
func (c *Job) report(o *install.Outcome) {
	if !c.Look[o.Path.Parent()] {
		c.Look[o.Path] = true
	}
	k := c.whose[o.Path]
	if k == nil {
		return
	}
	switch {
	case o.Err != nil:
		c.Out.add(k, DidFail, o.Err.Error())
	case o.Busy:
		c.Out.add(k, DidFail, "a process has the file open for writing; try again when it is done")
	case !o.Done:
		c.Out.add(k, DidSkip, "something else came to be there meanwhile")
	default:
		c.Out.add(k, DidRestore, "")
		if os.Geteuid() != 0 && k.Entry.Kind == index.Dir && k.Entry.Mode&0o700 != 0o700 {
			c.Shut = append(c.Shut, k)
		}
	}
}

// ShutAll gives directories that their owner may not write in the mode that they
// had, now that everything is in them, the deepest first.
func ShutAll(files vfs.Files, dirs []*index.Kept) error {
	var errs []error
	for _, k := range slices.Backward(dirs) {
		info, err := files.Lstat(k.Path)
		if err == nil {
			_, err = files.SetMeta(k.Path, vfs.Meta{Mode: k.Entry.Mode & 0o777, UID: -1, GID: -1}, info.Stamp)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
