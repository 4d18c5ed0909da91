package replicate

import (
	"maps"
	"os"
	"slices"

	"duet/replicate/install"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// A directory that its owner may not write in (mode 0555, say) is a closed
// book to a daemon that is not root: nothing can be placed in it, and it cannot
// even be moved into place. Such a directory is opened for its owner while
// there is something to do in it, and shut again when all is done. Its entry
// has the mode that it is to have, its stamp the one that it has, so that being
// open is no edit, and a crash in between leaves nothing to guess: whatever
// differs is shut after the next scan.
//
// Package install opens such a directory by itself where it must, for an
// instant. If a look fell into that instant it would take the open mode for an
// edit and tell the peer; so here it is opened first, and known to be.

// ownerBits are what the owner of a directory needs to work in it.
const ownerBits = 0o700

// unprivileged reports whether modes bind this process.
var unprivileged = os.Geteuid() != 0

// shuttable reports whether r is a directory that is to be shut when all is done.
func shuttable(r *index.Record) bool {
	return r != nil && r.Ours.LiveKind() == index.Dir && r.Ours.Mode&ownerBits != ownerBits
}

// openFor opens the directories in which the jobs have something to do, and
// returns them. It runs in the writer lane.
func (s *Share) openFor(files vfs.Files, jobs []install.Job) ([]index.Path, error) {
	if !unprivileged {
		return nil, nil
	}
	dirs := map[index.Path]bool{}
	for i := range jobs {
		j := &jobs[i]
		dirs[j.Path.Parent()] = true
		if j.From != "" {
			dirs[j.From.Parent()] = true
		}
		if j.Entry.Kind != index.Dir {
			dirs[j.Path] = true // a directory that gives way is itself moved
		}
	}
	var open []index.Path
	for _, p := range slices.SortedFunc(maps.Keys(dirs), index.Path.Compare) {
		r, err := s.book.Get(p)
		if err != nil {
			return open, err
		}
		if !shuttable(r) || r.Stamp.Mode&ownerBits == ownerBits {
			continue
		}
		if err := s.setMode(files, r, r.Ours.Mode|ownerBits); err != nil {
			return open, err
		}
		open = append(open, p)
	}
	return open, nil
}

// setMode gives a directory a mode that is not its entry's. An error of the
// tree is left to whoever needs the directory open; one of the index is not.
func (s *Share) setMode(files vfs.Files, r *index.Record, mode uint32) error {
	now, err := files.SetMeta(r.Path, vfs.Meta{Mode: mode, UID: -1, GID: -1}, r.Stamp)
	if err != nil {
		return nil
	}
	r.Stamp = now
	return s.st.Update(func(tx *store.Tx) error { return tx.Put(r) })
}

// shutAll shuts what was opened, deepest first, once nothing is left to do.
func (l *loop) shutAll() {
	if len(l.open) == 0 {
		return
	}
	paths := slices.SortedFunc(maps.Keys(l.open), index.Path.Compare)
	clear(l.open)
	files := l.root.files
	l.ask(func() func() {
		for _, p := range slices.Backward(paths) {
			r, err := l.s.book.Get(p)
			if err == nil && shuttable(r) && r.Stamp.Mode&0o777 != r.Ours.Mode&0o777 {
				err = l.s.setMode(files, r, r.Ours.Mode)
			}
			if err != nil {
				return func() { l.indexFailed("shut directories", err) }
			}
		}
		return nil
	})
}

// findOpen looks after a start for directories that a crash left open.
func (l *loop) findOpen() {
	if !unprivileged {
		return
	}
	l.start(func() func() {
		var open []index.Path
		err := l.s.st.View(func(tx *store.Tx) error {
			for r, err := range tx.Range(index.Root, false) {
				if err != nil {
					return err
				}
				if shuttable(r) && r.Stamp.Mode&0o777 != r.Ours.Mode&0o777 {
					open = append(open, r.Path)
				}
			}
			return nil
		})
		return func() {
			if err != nil {
				l.indexFailed("look for open directories", err)
			}
			for _, p := range open {
				l.open[p] = true
			}
			l.rounds.Kick()
		}
	})
}
