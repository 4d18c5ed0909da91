package replicate

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"duet/replicate/restore"
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
			k, err := s.restorer().Kept(id)
			if err == nil && to != "" {
				err = restore.CopyOut(files, k, to)
			} else if err == nil {
				err = s.restorer().Restore(ctx, files, k)
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

// restorer restores by what a person orders, and not by what the peer says: what
// it is about to do is not decided again.
func (s *Share) restorer() *restore.Restorer {
	env := s.installEnv()
	env.Recheck = nil
	return &restore.Restorer{Share: s.cfg.Name, Book: s.book, Env: env, Check: s.rootGone, Names: s.boot}
}

// RestoreWindow brings back the newest kept version of each path that o
// selects, directories before what is in them. ctx stops it between two jobs
// of the lane; what was restored by then stays.
func (s *Share) RestoreWindow(ctx context.Context, o restore.Order) (restore.Result, error) {
	out := restore.Result{Share: s.cfg.Name, DryRun: o.DryRun, Items: []restore.Item{}}
	if s.st == nil {
		return out, s.broken
	}
	newest, err := s.restorer().Newest(o.Match)
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
		var chunk *restore.Job
		err := s.do(ctx, func(l *loop, done chan<- error) {
			if l.root.ctx == nil {
				done <- s.rootless(l)
				return
			}
			chunk = &restore.Job{Restorer: s.restorer(), Files: l.root.files, Order: o, Out: &out}
			l.ask(func() func() {
				n, err := chunk.Run(ctx, paths, newest)
				paths = paths[n:]
				shut = append(shut, chunk.Shut...)
				return func() {
					for p := range chunk.Look {
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
	slices.SortFunc(out.Items, func(a, b restore.Item) int { return strings.Compare(a.Path, b.Path) })
	return out, s.shutRestored(ctx, shut)
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
			err := restore.ShutAll(files, dirs)
			return func() {
				for _, k := range dirs {
					l.notice.dirty.Mark(k.Path, false, time.Now())
				}
				done <- err
			}
		})
	})
}
