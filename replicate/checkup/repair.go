package checkup

import (
	"errors"
	"fmt"

	"duet/recovery/verify"
	"duet/replicate/post"
	"duet/replicate/repair"
	"duet/replicate/talk"
	"duet/replicate/transfer"
	"duet/scan/vfs"
	"duet/store/index"
)

// examine has a path examined: what has changed there is an edit like any other.
func (k *look) examine(p index.Path) error {
	return k.c.Do(k.ctx, func(done chan<- error) {
		k.c.Mark(p, true)
		done <- nil
	})
}

// damaged journals that the content of a path is damaged, and repairs it if
// that was asked for. An error is of the index, or of the share's end.
func (k *look) damaged(f *Finding) error {
	c := k.c
	c.Log.Warn("content is damaged: it is not what the index says, and nobody edited it", "path", f.Path.String(), "what", string(f.What), "detail", f.Detail)
	err := c.Write(k.ctx, func() error {
		return c.Book.Damaged(f.Path, k.o.How, c.Self, string(f.What)+": "+f.Detail)
	}, nil)
	if err != nil || !k.o.Repair {
		return err
	}
	from, err := k.repair(f.Finding)
	switch {
	case k.ctx.Err() != nil:
		return k.ctx.Err()
	case err != nil:
		f.Trouble = err.Error()
	default:
		f.Repaired = from
		c.Log.Info("repaired", "path", f.Path.String(), "from", from)
	}
	return nil
}

// repair brings damaged content back, and says from where.
func (k *look) repair(f verify.Finding) (from string, err error) {
	c := k.c
	o := repair.Options{
		Book: c.Book, Files: k.files, Env: c.Env, Node: c.Self, How: k.o.How, Owner: c.Owner, Peer: c.Peer,
		Fetch: func() (*transfer.Fetcher, error) {
			return post.Result(k.ctx, c.Loop, func() (*transfer.Fetcher, error) {
				if now := c.Now(); now.Conn != nil {
					return now.Fetch, nil
				}
				return nil, fmt.Errorf("%s %w", c.Peer, talk.ErrApart)
			})
		},
		Held: func(r *index.Record) vfs.Held {
			return vfs.Held{Area: vfs.Stage, Name: fmt.Sprintf("%x-repair-%d", c.Names, r.Pos)}
		},
	}
	job, from, err := o.Stage(k.ctx, f)
	if err != nil {
		return "", err
	}
	return from, c.Do(k.ctx, func(done chan<- error) {
		switch now := c.Now(); {
		case now.Root == nil || now.Files != k.files:
			done <- c.Rootless()
			return
		case now.Paused:
			done <- fmt.Errorf("share %q is paused: 'duet resume %s' first", c.Share, c.Share)
			return
		}
		var broken error
		c.Wait(func() error {
			err := c.Check(k.files)
			if err == nil {
				err, broken = o.Install(k.ctx, job, f.Record)
			}
			return errors.Join(err, broken)
		}, func(error) {
			if broken != nil {
				c.Halt(fmt.Errorf("repair: %w", broken)) // a replay settles it
			}
		}, done)
	})
}
