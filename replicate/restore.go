package replicate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"duet/replicate/install"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// Restore brings a kept version back. With to == "" it goes to its old place,
// what is there now is kept in turn, and it is synced like any edit. Else to
// names a file that does not exist yet, or a directory, outside the share.
func (s *Share) Restore(ctx context.Context, id uint64, to string) error {
	return s.do(ctx, func(l *loop, done chan<- error) {
		if l.root.ctx == nil {
			done <- s.rootless(l)
			return
		}
		files := l.root.files
		l.ask(func() func() {
			k, err := s.kept(id)
			if err == nil && to != "" {
				err = copyOut(files, k, to)
			} else if err == nil {
				err = s.restore(ctx, files, k)
			}
			return func() {
				if err == nil && to == "" {
					l.notice.dirty.Mark(k.Path, true, time.Now())
				}
				done <- err
			}
		})
	})
}

func (s *Share) kept(id uint64) (*index.Kept, error) {
	var k *index.Kept
	err := s.st.View(func(tx *store.Tx) (err error) {
		k, err = tx.GetKept(id)
		return err
	})
	if err == nil && k == nil {
		err = fmt.Errorf("there is no kept version %d: see `duet kept ls %s`", id, s.cfg.Name)
	}
	return k, err
}

// restore puts k in its old place, with the directories that lead there.
func (s *Share) restore(ctx context.Context, files vfs.Files, k *index.Kept) error {
	if err := s.rootGone(files); err != nil {
		return err
	}
	jobs, err := s.missingParents(k.Path)
	if err != nil {
		return err
	}
	e := *k.Entry
	job := install.Job{
		Path: k.Path, Entry: &e, Own: true, What: index.Restored, How: index.ByUser, By: s.cfg.Node,
		Note: fmt.Sprintf("kept version %d", k.ID), Reason: index.Overwritten,
	}
	if e.Kind == index.File {
		r, err := s.book.Get(k.Path)
		if err != nil {
			return err
		}
		job.Staged = vfs.Held{Area: vfs.Stage, Name: fmt.Sprintf("%x-restore-%d", s.boot, k.ID)}
		from := install.Source{Held: vfs.Held{Area: vfs.Kept, Name: k.Held}}
		if _, err := install.Copy(files, from, &e, s.metaFor(&e, r), job.Staged); err != nil {
			return fmt.Errorf("restore %v: %w", k.Path, err)
		}
	}
	env := s.installEnv()
	env.Recheck = nil
	out, err := install.Batch(ctx, s.st, files, env, append(jobs, job))
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
func (s *Share) missingParents(p index.Path) ([]install.Job, error) {
	var jobs []install.Job
	for d := p.Parent(); d != index.Root; d = d.Parent() {
		r, err := s.book.Get(d)
		if err != nil {
			return nil, err
		}
		if r != nil && r.Ours.LiveKind() == index.Dir {
			break
		}
		if r != nil && r.Ours.Live() {
			return nil, fmt.Errorf("%v is a %v now: move it away, or restore with --to", d, r.Ours.Kind)
		}
		e := &index.Entry{Kind: index.Dir, Mode: 0o755}
		jobs = append([]install.Job{{
			Path: d, Entry: e, Own: true, What: index.Restored, How: index.ByUser, By: s.cfg.Node,
		}}, jobs...)
	}
	return jobs, nil
}

// copyOut writes a kept file to a place outside the share.
func copyOut(files vfs.Files, k *index.Kept, to string) (err error) {
	if k.Entry.Kind == index.Symlink {
		return os.Symlink(k.Entry.Target, target(to, k))
	}
	if k.Entry.Kind != index.File || k.Held == "" {
		return fmt.Errorf("%v was a %v: there is nothing to copy out", k.Path, k.Entry.Kind)
	}
	in, err := files.OpenHeld(vfs.Held{Area: vfs.Kept, Name: k.Held})
	if err != nil {
		return err
	}
	defer in.Close()
	name := target(to, k)
	out, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fs.FileMode(k.Entry.Mode)&0o777)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return err
	}
	t := time.Unix(0, k.Entry.ModTime)
	return os.Chtimes(name, t, t)
}

func target(to string, k *index.Kept) string {
	if info, err := os.Stat(to); err == nil && info.IsDir() {
		return filepath.Join(to, k.Path.Leaf())
	}
	return to
}
