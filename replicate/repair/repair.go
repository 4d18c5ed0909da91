// Package repair brings back content that a disk has damaged. The good content
// comes from wherever its hash is right: another file of the share, a kept
// version, the peer. It is installed like anything that the peer sends, and
// what it replaces is kept. The record keeps its version, as nobody has edited
// anything, so for the peer nothing has happened.
package repair

import (
	"context"
	"errors"
	"fmt"

	"duet/recovery/verify"
	"duet/replicate/book"
	"duet/replicate/install"
	"duet/replicate/room"
	"duet/replicate/transfer"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// Options are what a repair needs of its share.
type Options struct {
	Book  *book.Book
	Files vfs.Files
	Env   install.Env
	Node  index.NodeID
	How   index.How // who asked for it
	Owner bool      // this process may give files to other users

	Peer  string                            // its name
	Fetch func() (*transfer.Fetcher, error) // of contents that the peer has, or why there is none
	Held  func(r *index.Record) vfs.Held    // a name in the stage that nobody else uses
}

// errKind means that what is damaged cannot be repaired by a copy.
var errKind = errors.New("only files and symlinks can be repaired")

// Stage makes the job that repairs what was found, with its content staged;
// from says where that came from. It may take long, and runs outside the writer
// lane.
func (o Options) Stage(ctx context.Context, f verify.Finding) (job install.Job, from string, err error) {
	r := f.Record
	if r == nil || r.Ours.LiveKind() != index.File && r.Ours.LiveKind() != index.Symlink {
		return job, "", errKind
	}
	job = install.Job{
		Path: r.Path, Entry: r.Ours, Repair: true, What: index.Repaired, How: o.How, By: o.Node,
		Reason: index.Corrupt, Damaged: o.damaged(f),
	}
	from = "the index" // which has the whole of a symlink
	if r.Ours.Kind == index.File {
		job.Staged = o.Held(r)
		from, err = o.content(ctx, r, job.Staged)
	}
	job.Note = "from " + from
	return job, from, err
}

// damaged describes what is there, to be kept as what it is.
func (o Options) damaged(f verify.Finding) *index.Entry {
	e := *f.Record.Ours
	e.Version, e.Over, e.Rescued, e.Origin = nil, nil, false, o.Node
	e.Hash = f.Hash // none, if it could not be read
	if e.Kind == index.Symlink {
		if to, err := o.Files.Readlink(f.Path); err == nil {
			e.Target = to
		}
	}
	return &e
}

// content stages what the index says is in a file.
func (o Options) content(ctx context.Context, r *index.Record, to vfs.Held) (from string, err error) {
	m := o.meta(r)
	sources, err := o.copies(r)
	if err != nil {
		return "", err
	}
	for _, src := range sources {
		if _, err := install.Copy(o.Files, src, r.Ours, m, to); err == nil {
			if src.Held.Name != "" {
				return "a kept version", nil
			}
			return src.Path.String(), nil
		}
	}
	fetch, err := o.Fetch()
	if err != nil {
		return "", fmt.Errorf("no other copy of it is here, and %w", err)
	}
	var failed error
	wants := room.Of(o.Files).ForContents([]transfer.Want{{Path: r.Path, Hash: r.Ours.Hash, Size: r.Ours.Size, Meta: m, Staged: to.Name}},
		func(_ index.Path, err error) { failed = err })
	if len(wants) > 0 {
		err = fetch.Fetch(ctx, wants, func(res transfer.Result) { failed = res.Err })
	}
	if err = errors.Join(err, failed); err != nil {
		return "", fmt.Errorf("no other copy of it is here, and none came from %s: %w", o.Peer, err)
	}
	return o.Peer, nil
}

// maxCopies bounds the copies of one content that a repair tries.
const maxCopies = 8

// copies finds other copies of a file's content on this node.
func (o Options) copies(r *index.Record) (out []install.Source, err error) {
	err = o.Book.Store.View(func(tx *store.Tx) error {
		out = nil
		for p, err := range tx.ByHash(r.Ours.Hash, r.Ours.Size) {
			if err != nil {
				return err
			}
			if p != r.Path && len(out) < maxCopies {
				out = append(out, install.Source{Path: p})
			}
		}
		k, err := tx.KeptByHash(r.Ours.Hash)
		if err == nil && k != nil && k.Held != "" {
			out = append(out, install.Source{Held: vfs.Held{Area: vfs.Kept, Name: k.Held}})
		}
		return err
	})
	return out, err
}

// meta is the metadata that the index says, and the owner that the file has
// where the index says none.
func (o Options) meta(r *index.Record) vfs.Meta {
	m := o.Env.Meta(r.Ours, r)
	if o.Owner && m.UID < 0 {
		m.UID = int64(r.Stamp.UID)
	}
	if o.Owner && m.GID < 0 {
		m.GID = int64(r.Stamp.GID)
	}
	return m
}

// Install does a job that Stage made, if the record is still was. It belongs
// in the writer lane. err is why the path was not repaired; broken is that the
// index cannot be written, or has to be replayed first.
func (o Options) Install(ctx context.Context, job install.Job, was *index.Record) (err, broken error) {
	env := o.Env
	env.Recheck = func(r *index.Record, _ *install.Job) bool {
		return r.Stamp == was.Stamp && index.EqualEntries(r.Ours, was.Ours)
	}
	out, err := install.Batch(ctx, o.Book.Store, o.Files, env, []install.Job{job})
	if err != nil {
		return nil, err
	}
	if !out[0].Done && job.Staged.Name != "" {
		transfer.Abandon(o.Files, job.Staged, job.Entry.Hash, job.Entry.Size)
	}
	switch r := out[0]; {
	case r.Err != nil:
		return r.Err, nil
	case r.Busy:
		return errors.New("a process has the file open for writing: try again when it is done"), nil
	case !r.Done:
		return errors.New("somebody is changing it: that counts as an edit"), nil
	}
	return nil, o.Book.Repaired(job.Path)
}
