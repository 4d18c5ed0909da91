package landing

import (
	"context"
	"errors"
	"io/fs"

	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// unfoldChunk is how many paths of a replaced directory are settled with one commit.
const unfoldChunk = 1000

// Unfold finishes the swap of a directory for a file or link. The directory
// went in one instant and is in the stage now, whole; each file in it becomes
// a kept version of its own, so that each can be restored and expires by
// itself, and each record below becomes the tombstone that Doomed says.
// in is the swap's intent: it stays until the last chunk is committed, so that
// a crash in between leaves enough to go on. lifted names what an interrupted
// run had already brought among the kept, by inode.
func (e Env) Unfold(ctx context.Context, st *store.Store, files vfs.Files, in index.Intent, how index.How, lifted map[uint64]string) error {
	u := &unfolding{
		env: e, st: st, files: files, in: in, how: how, lifted: lifted,
		held: vfs.Held{Area: vfs.Stage, Name: in.Held},
	}
	info, err := files.LstatHeld(u.held)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if name, ok := lifted[in.Expect.Ino]; ok {
			u.keepAs(name)
		}
	case err != nil:
		return err
	case info.Type == vfs.Directory && info.Stamp.Ino == in.Expect.Ino:
		if err := u.takeApart(ctx); err != nil {
			return err
		}
	}
	if err := u.sweep(ctx); err != nil {
		return err
	}
	u.done = append(u.done, &Landing{Path: in.Path, Intents: []uint64{in.ID}})
	return u.flush()
}

type unfolding struct {
	env    Env
	st     *store.Store
	files  vfs.Files
	inside vfs.Files // the held directory as a tree
	held   vfs.Held
	in     index.Intent
	how    index.How
	lifted map[uint64]string

	at   index.Seq // journal position at the last commit, for names
	done []*Landing
}

// takeApart brings everything out of the held directory, a chunk at a time.
func (u *unfolding) takeApart(ctx context.Context) (err error) {
	if u.inside, err = u.files.Inside(u.held); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, u.inside.Close()) }()
	for whole := false; !whole; {
		if whole, err = u.dir(ctx, index.Root); err != nil {
			return err
		}
		if err := u.flush(); err != nil {
			return err
		}
	}
	return u.keepRest()
}

// keepRest keeps the directory itself, which by now is empty but for what
// cannot be brought out. It is not removed: a process that works in there may
// make another file at any time.
func (u *unfolding) keepRest() error {
	kept, err := Keep(u.files, u.held, u.name(&index.Entry{Kind: index.Dir}))
	if err != nil {
		return err
	}
	u.keepAs(kept.Name)
	return nil
}

func (u *unfolding) keepAs(name string) {
	entry := u.env.KnownAs(u.files, vfs.Held{Area: vfs.Kept, Name: name})
	u.done = append(u.done, &Landing{
		Path: u.in.Path, By: u.by(), Out: &Displaced{Held: name, Entry: entry, Reason: u.in.Reason},
	})
}

// dir brings out what is in one directory. It returns false when the chunk is
// full and it has to be called again.
func (u *unfolding) dir(ctx context.Context, at index.Path) (whole bool, err error) {
	names, err := namesIn(u.inside, at)
	if errors.Is(err, fs.ErrPermission) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if len(u.done) >= unfoldChunk {
			return false, nil
		}
		p, err := at.Join(name)
		if err != nil {
			return false, err
		}
		info, err := u.inside.Lstat(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, err
		}
		if info.Type == vfs.Directory && !info.Mount {
			u.openUp(p, info)
			if whole, err := u.dir(ctx, p); !whole || err != nil {
				return false, err
			}
		}
		if err := u.lift(p, info); err != nil {
			return false, err
		}
	}
	return true, nil
}

// openUp lets the owner change what is in a directory: it is out of the tree,
// and nobody looks at its mode any more.
func (u *unfolding) openUp(p index.Path, info vfs.Info) {
	if info.Stamp.Mode&0700 != 0700 {
		_, _ = u.inside.SetMeta(p, vfs.Meta{Mode: info.Stamp.Mode&07777 | 0700, UID: -1, GID: -1}, info.Stamp)
	}
}

// lift brings one thing out, an empty directory by removing it. What cannot be
// brought out stays in the directory.
func (u *unfolding) lift(p index.Path, info vfs.Info) error {
	full, err := index.ParsePath(string(u.in.Path) + "/" + string(p))
	if err != nil {
		return err
	}
	r, err := get(u.st, full)
	if err != nil {
		return err
	}
	var known *index.Entry
	if r != nil && r.Ours.Live() && r.Stamp == info.Stamp {
		known = r.Ours
	}
	out := &Displaced{Entry: known, Reason: u.in.Reason}
	switch {
	case info.Type == vfs.Special || info.Mount:
		return nil
	case info.Type == vfs.Directory:
		if err := u.inside.Rmdir(p); err != nil {
			return nil
		}
		if known == nil {
			out = nil
		}
	default:
		guess := known
		if guess == nil {
			guess = &index.Entry{Kind: index.File} // hashed once it has a name
		}
		kept, err := Free(u.files, vfs.Held{Area: vfs.Kept, Name: u.name(guess)})
		if err != nil {
			return err
		}
		err = u.inside.Shelve(p, kept)
		if errors.Is(err, fs.ErrPermission) {
			return nil
		}
		if err != nil {
			return err
		}
		out.Held = kept.Name
		if known == nil {
			out.Entry, out.Reason = u.env.KnownAs(u.files, kept), index.Raced
		}
	}
	u.note(full, r, out)
	return nil
}

// note remembers that what was at p went; r is its record, or nil.
func (u *unfolding) note(p index.Path, r *index.Record, out *Displaced) {
	l := &Landing{Path: p, What: index.Adopted, How: u.how, By: u.by(), Out: out, Rule: u.in.Rule}
	if r != nil && r.Ours.Live() {
		// Not doomed by now: the next look finds it gone, as any edit.
		l.Entry = u.env.doomed(r)
	}
	u.done = append(u.done, l)
}

// sweep settles the records below that had nothing in the held directory: what
// an interrupted run had brought out, and what was not on disk to begin with.
func (u *unfolding) sweep(ctx context.Context) error {
	for from := u.in.Path; ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		chunk, err := u.below(from)
		if err != nil || len(chunk) == 0 {
			return err
		}
		for _, r := range chunk {
			if err := u.sweepOne(r); err != nil {
				return err
			}
		}
		if err := u.flush(); err != nil {
			return err
		}
		from = chunk[len(chunk)-1].Path
	}
}

func (u *unfolding) sweepOne(r *index.Record) error {
	name, ok := u.lifted[r.Stamp.Ino]
	if !ok {
		if u.env.doomed(r) != nil {
			u.note(r.Path, r, nil)
		}
		return nil
	}
	info, err := u.files.LstatHeld(vfs.Held{Area: vfs.Kept, Name: name})
	if errors.Is(err, fs.ErrNotExist) || err == nil && !Unchanged(info.Stamp, r.Stamp) {
		return nil
	}
	if err != nil {
		return err
	}
	delete(u.lifted, r.Stamp.Ino)
	u.note(r.Path, r, &Displaced{Held: name, Entry: r.Ours, Reason: u.in.Reason})
	return nil
}

// below returns the next live records below the directory.
func (u *unfolding) below(from index.Path) ([]*index.Record, error) {
	var out []*index.Record
	err := u.st.View(func(tx *store.Tx) error {
		for r, err := range tx.Range(from, true) {
			if err != nil {
				return err
			}
			if !r.Path.Under(u.in.Path) || len(out) == unfoldChunk {
				return nil
			}
			if r.Ours.Live() {
				out = append(out, r)
			}
		}
		return nil
	})
	return out, err
}

// flush makes the new names durable, then writes down what was done.
func (u *unfolding) flush() error {
	if len(u.done) == 0 {
		return nil
	}
	if err := u.files.SyncDirs(nil); err != nil {
		return err
	}
	err := u.st.Update(func(tx *store.Tx) error {
		for _, l := range u.done {
			if _, err := u.env.Commit(tx, l); err != nil {
				return err
			}
		}
		u.at = tx.Head()
		return nil
	})
	u.done = u.done[:0]
	return err
}

func (u *unfolding) name(e *index.Entry) string {
	return KeptName(u.at, int(u.in.ID)+len(u.done), e)
}

func (u *unfolding) by() index.NodeID {
	if u.in.Entry == nil {
		return u.env.Node
	}
	return u.in.Entry.Origin
}
