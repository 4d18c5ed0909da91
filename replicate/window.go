package replicate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

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

// RestoreOrder is what a person wants brought back.
type RestoreOrder struct {
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

// Restored is what a restore did, or would do.
type Restored struct {
	Share   string         `json:"share"`
	DryRun  bool           `json:"dry_run"`
	Files   int64          `json:"files"` // restored
	Dirs    int64          `json:"dirs"`
	Links   int64          `json:"links"`
	Bytes   int64          `json:"bytes"`
	Already int64          `json:"already"` // paths where the same is
	Skipped int64          `json:"skipped"` // paths where something else is
	Failed  int64          `json:"failed"`
	Items   []RestoredPath `json:"items"`
	More    int64          `json:"more"` // items that are not listed
}

// RestoredPath is one of its paths.
type RestoredPath struct {
	ID     uint64 `json:"id"`
	Path   string `json:"path"` // escaped
	Kind   string `json:"kind"`
	Bytes  int64  `json:"bytes"`
	Time   int64  `json:"time_ns"` // when it was displaced
	Did    string `json:"did"`
	Detail string `json:"detail,omitempty"`
}

// maxRestored bounds what Restored lists.
const maxRestored = 10_000

func (r *Restored) add(k *index.Kept, did, detail string) {
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
	if len(r.Items) == maxRestored {
		r.More++
		return
	}
	r.Items = append(r.Items, RestoredPath{
		ID: k.ID, Path: k.Path.String(), Kind: kind.String(), Bytes: bytes, Time: k.Time, Did: did, Detail: detail,
	})
}

// RestoreWindow brings back the newest kept version of each path that o
// selects, directories before what is in them. ctx stops it between two jobs
// of the lane; what was restored by then stays.
func (s *Share) RestoreWindow(ctx context.Context, o RestoreOrder) (Restored, error) {
	out := Restored{Share: s.cfg.Name, DryRun: o.DryRun, Items: []RestoredPath{}}
	newest, err := s.newest(o.Match)
	if err != nil {
		return out, err
	}
	// What is still to be restored must not expire to make room for it.
	if err := s.do(ctx, func(l *loop, done chan<- error) { l.keeping.held++; done <- nil }); err != nil {
		return out, err
	}
	defer s.post(func() { s.loop.keeping.held-- })
	paths := slices.SortedFunc(maps.Keys(newest), index.Path.Compare)
	var shut []*index.Kept // directories to shut at the end
	for len(paths) > 0 {
		var chunk *restoring
		err := s.do(ctx, func(l *loop, done chan<- error) {
			if l.root.ctx == nil {
				done <- s.rootless(l)
				return
			}
			chunk = &restoring{s: s, ctx: ctx, files: l.root.files, order: o, out: &out}
			l.ask(func() func() {
				n, err := chunk.run(paths, newest)
				paths = paths[n:]
				shut = append(shut, chunk.shut...)
				return func() {
					for p := range chunk.look {
						l.notice.dirty.Mark(p, true, time.Now())
					}
					done <- err
				}
			})
		})
		if err != nil {
			return out, err
		}
	}
	slices.SortFunc(out.Items, func(a, b RestoredPath) int { return strings.Compare(a.Path, b.Path) })
	return out, s.shutRestored(ctx, shut)
}

// newest finds the newest kept version of each path. What was found without a
// record has no place to go back to.
func (s *Share) newest(match func(*index.Kept) bool) (map[index.Path]uint64, error) {
	out := map[index.Path]uint64{}
	err := s.View(func(tx *store.Tx) error {
		for k, err := range tx.AllKept() {
			if err != nil {
				return err
			}
			if k.Reason != index.Found && k.Entry.Live() && match(&k) {
				out[k.Path] = k.ID
			}
		}
		return nil
	})
	return out, err
}

// restoring is one job of a restore.
type restoring struct {
	s     *Share
	ctx   context.Context
	files vfs.Files
	order RestoreOrder
	out   *Restored

	jobs  []install.Job
	kept  map[index.Path]*index.Kept // of jobs; parents that are made on the way have none
	bytes int64
	shut  []*index.Kept
	look  map[index.Path]bool // to be examined, with all below
}

// run restores the first n of paths.
func (c *restoring) run(paths []index.Path, newest map[index.Path]uint64) (n int, err error) {
	c.kept, c.look = map[index.Path]*index.Kept{}, map[index.Path]bool{}
	if err := c.s.rootGone(c.files); err != nil {
		return 0, err
	}
	for n < len(paths) && n < 10*restorePaths && len(c.kept) < restorePaths && c.bytes < restoreBytes {
		p := paths[n]
		n++
		k, err := c.s.kept(newest[p])
		if err != nil {
			c.out.add(&index.Kept{ID: newest[p], Path: p}, DidFail, err.Error())
			continue
		}
		if err := c.plan(k); err != nil {
			c.out.add(k, DidFail, err.Error())
		}
	}
	if len(c.jobs) == 0 {
		return n, nil
	}
	env := c.s.installEnv()
	env.Recheck = nil
	done, err := install.Batch(c.ctx, c.s.st, c.files, env, c.jobs)
	if err != nil {
		return n, err
	}
	for i := range done {
		if j := &c.jobs[i]; j.Staged.Name != "" && !done[i].Done {
			transfer.Abandon(c.files, j.Staged, j.Entry.Hash, j.Entry.Size)
		}
	}
	for i := range done {
		c.report(&done[i])
	}
	return n, nil
}

// plan makes the jobs for one version, or says why there are none.
func (c *restoring) plan(k *index.Kept) error {
	did, err := c.inPlace(k)
	if err != nil {
		return err
	}
	if did != DidRestore {
		detail := ""
		if did == DidSkip {
			detail = "something else is there now; --force replaces and keeps it"
		}
		c.out.add(k, did, detail)
		return nil
	}
	if c.order.DryRun {
		c.out.add(k, DidRestore, "")
		return nil
	}
	if err := c.parents(k.Path); err != nil {
		return err
	}
	e := *k.Entry.Bare()
	job := install.Job{
		Path: k.Path, Entry: &e, Own: true, What: index.Restored, How: index.ByUser, By: c.s.cfg.Node,
		Note: fmt.Sprintf("kept version %d", k.ID), Reason: index.Overwritten,
	}
	if e.Kind == index.File {
		r, err := c.s.book.Get(k.Path)
		if err != nil {
			return err
		}
		job.Staged = vfs.Held{Area: vfs.Stage, Name: fmt.Sprintf("%x-restore-%d", c.s.boot, k.ID)}
		from := install.Source{Held: vfs.Held{Area: vfs.Kept, Name: k.Held}}
		if _, err := install.Copy(c.files, from, &e, c.s.metaFor(&e, r), job.Staged); err != nil {
			return err
		}
		c.bytes += e.Size
	}
	c.jobs = append(c.jobs, job)
	c.kept[k.Path] = k
	return nil
}

// inPlace looks at what is in the version's place now.
func (c *restoring) inPlace(k *index.Kept) (did string, err error) {
	r, err := c.s.book.Get(k.Path)
	if err != nil {
		return "", err
	}
	info, err := c.files.Lstat(k.Path)
	switch there := r != nil && r.Ours.Live(); {
	case errors.Is(err, fs.ErrNotExist) && there:
		return "", errors.New("it went just now, and the index does not know yet: try again")
	case errors.Is(err, fs.ErrNotExist):
		return DidRestore, nil
	case err != nil:
		return "", err
	case there && k.Entry.Kind == r.Ours.Kind && index.SameContent(k.Entry, r.Ours) && (!c.order.Force || index.Same(k.Entry, r.Ours)):
		return DidNothing, nil
	case !there && info.Type == vfs.Directory && k.Entry.Kind == index.Dir:
		return DidNothing, nil // made just now
	case !there, !c.order.Force:
		return DidSkip, nil
	}
	return DidRestore, nil
}

// parents makes jobs for the directories above p that are missing.
func (c *restoring) parents(p index.Path) error {
	var missing []install.Job
	for d := p.Parent(); d != index.Root && c.kept[d] == nil && !c.made(d); d = d.Parent() {
		info, err := c.files.Lstat(d)
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
			Path: d, Entry: &index.Entry{Kind: index.Dir, Mode: 0o755}, Own: true, What: index.Restored, How: index.ByUser, By: c.s.cfg.Node,
		})
	}
	slices.Reverse(missing)
	c.jobs = append(c.jobs, missing...)
	return nil
}

func (c *restoring) made(d index.Path) bool {
	return slices.ContainsFunc(c.jobs, func(j install.Job) bool { return j.Path == d })
}

// report takes note of what became of one path.
func (c *restoring) report(o *install.Outcome) {
	if !c.look[o.Path.Parent()] {
		c.look[o.Path] = true
	}
	k := c.kept[o.Path]
	if k == nil {
		return
	}
	switch {
	case o.Err != nil:
		c.out.add(k, DidFail, o.Err.Error())
	case o.Busy:
		c.out.add(k, DidFail, "a process has the file open for writing; try again when it is done")
	case !o.Done:
		c.out.add(k, DidSkip, "something else came to be there meanwhile")
	default:
		c.out.add(k, DidRestore, "")
		if unprivileged && k.Entry.Kind == index.Dir && k.Entry.Mode&ownerBits != ownerBits {
			c.shut = append(c.shut, k)
		}
	}
}

// shutRestored gives directories that their owner may not write in the mode
// that they had, now that everything is in them, the deepest first.
func (s *Share) shutRestored(ctx context.Context, dirs []*index.Kept) error {
	if len(dirs) == 0 {
		return nil
	}
	return s.do(ctx, func(l *loop, done chan<- error) {
		files := l.root.files
		if l.root.ctx == nil {
			done <- s.rootless(l)
			return
		}
		l.ask(func() func() {
			var errs []error
			for _, k := range slices.Backward(dirs) {
				info, err := files.Lstat(k.Path)
				if err == nil {
					_, err = files.SetMeta(k.Path, vfs.Meta{Mode: k.Entry.Mode & 0o777, UID: -1, GID: -1}, info.Stamp)
				}
				errs = append(errs, err)
			}
			return func() {
				for _, k := range dirs {
					l.notice.dirty.Mark(k.Path, false, time.Now())
				}
				done <- errors.Join(errs...)
			}
		})
	})
}
