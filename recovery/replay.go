// Package recovery settles what a crash left, and decides when a share must
// not go on by itself: its root is not there, its index is older than what the
// peer remembers, or it is about to delete too much.
//
// Replay is idempotent, and may itself be cut short anywhere. Its one rule is
// that only evidence counts as done. An intent names the inode that was to
// arrive and the one that was to leave: if the first is at its path, the
// install happened and is written down; if not, the record stays as it was,
// the scan sees what there is, and the install is decided anew. Nothing that
// was ever in the tree is removed: it goes back, or becomes a kept version.
package recovery

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"duet/recovery/landing"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// Report is what Replay did.
type Report struct {
	Intents  int // found
	Finished int // had been done, and were written down
	Undone   int // had not been done, or were put back
	Found    int // things in the holding area that nothing explained, now kept versions
	Removed  int // leftovers of the stage
	Parts    int // interrupted transfers that can be resumed

	// Examine names paths where the tree is not what the index says.
	Examine []index.Path
	// Problems are intents that could not be looked at, and stay: Batch
	// refuses their paths until a later Replay has settled them.
	Problems []error
}

// Replay settles what a crash left. It runs at every start, before anything
// else touches the tree or the index, and in the writer lane whenever
// install.Batch returned an error. Nothing may be staged meanwhile: it would be
// taken for a leftover.
func Replay(ctx context.Context, st *store.Store, files vfs.Files, env landing.Env) (Report, error) {
	s := &scene{ctx: ctx, st: st, files: files, env: env, dirs: make(map[index.Path]bool)}
	err := s.look()
	s.report.Intents = len(s.intents)
	if err == nil && len(s.intents) > 0 {
		err = s.replay()
	}
	if err == nil {
		err = s.leftovers()
	}
	if err != nil {
		return s.report, fmt.Errorf("settle what an interrupted install left: %w", err)
	}
	return s.report, nil
}

// scene is what Replay finds, and what it makes of it.
type scene struct {
	ctx   context.Context
	st    *store.Store
	files vfs.Files
	env   landing.Env

	intents []index.Intent
	at      index.Seq           // of the journal, for names
	stage   map[string]vfs.Info // by name
	kept    map[string]vfs.Info // those without a record
	moves   map[index.Path]*index.Intent

	lands   []*landing.Landing
	dirs    map[index.Path]bool
	discard []vfs.Held     // removed once all is written down
	unfold  []index.Intent // swaps whose directory has to be taken apart
	report  Report
}

// look reads the intents and lists the holding area.
func (s *scene) look() error {
	known := make(map[string]bool)
	err := s.st.View(func(tx *store.Tx) (err error) {
		s.at = tx.Head()
		if s.intents, err = tx.Intents(); err != nil {
			return err
		}
		for held, err := range tx.KeptNames() {
			if err != nil {
				return err
			}
			known[held] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	if s.stage, err = s.list(vfs.Stage, nil); err != nil {
		return err
	}
	s.kept, err = s.list(vfs.Kept, known)
	return err
}

// list looks at what is in one folder of the holding area, except for what is known.
func (s *scene) list(a vfs.Area, except map[string]bool) (map[string]vfs.Info, error) {
	names, err := s.files.HeldNames(a)
	if err != nil {
		return nil, err
	}
	out := make(map[string]vfs.Info)
	for _, name := range names {
		if except[name] {
			continue // there may be very many, and nobody asks what they are
		}
		info, err := s.files.LstatHeld(vfs.Held{Area: a, Name: name})
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out[name] = info
	}
	return out, nil
}

// replay settles each intent, in the order in which Batch does things: verbs
// and looks, directory entries on stable storage, one commit; what is to be
// removed only after it, since until then it is evidence.
func (s *scene) replay() error {
	s.moves = make(map[index.Path]*index.Intent)
	for i := range s.intents {
		if in := &s.intents[i]; in.Verb == index.Move {
			s.moves[in.From] = in
		}
	}
	s.returnCleared()
	for i := range s.intents {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		if err := s.settle(&s.intents[i]); err != nil {
			s.report.Problems = append(s.report.Problems, fmt.Errorf("%v of %v: %w", s.intents[i].Verb, s.intents[i].Path, err))
		}
	}
	if err := s.files.SyncDirs(slices.SortedFunc(maps.Keys(s.dirs), index.Path.Compare)); err != nil {
		return err
	}
	if err := s.commit(); err != nil {
		return err
	}
	for _, h := range s.discard {
		if err := s.files.RemoveHeld(h); err != nil {
			return err
		}
	}
	return s.unfoldAll()
}

// commit writes down what was found.
func (s *scene) commit() error {
	err := s.st.Update(func(tx *store.Tx) error {
		for _, l := range s.lands {
			if err := s.keepNewer(tx, l); err != nil {
				return err
			}
			if _, err := s.env.Commit(tx, l); err != nil {
				return err
			}
		}
		return nil
	})
	s.lands = nil
	return err
}

// keepNewer leaves a record alone that has gone on since its intent was
// written: where an earlier replay met an error, a scan may have found an edit
// since, and an older entry never takes the place of a newer one.
func (s *scene) keepNewer(tx *store.Tx, l *landing.Landing) error {
	if l.Entry == nil {
		return nil
	}
	r, err := tx.Get(l.Path)
	if err != nil || r == nil || r.Ours == nil {
		return err
	}
	switch r.Ours.Version.Compare(l.Entry.Version) {
	case index.After, index.Concurrent:
		l.Entry, l.Stamp, l.Conflict = nil, index.Stamp{}, nil
	}
	return nil
}

func (s *scene) unfoldAll() error {
	lifted := make(map[uint64]string, len(s.kept))
	for name, info := range s.kept {
		lifted[info.Stamp.Ino] = name
	}
	var errs []error
	for _, in := range s.unfold {
		errs = append(errs, s.env.Unfold(s.ctx, s.st, s.files, in, index.ByRecovery, lifted))
	}
	return errors.Join(errs...)
}

// settle finds out what became of one intent.
func (s *scene) settle(in *index.Intent) error {
	if in.Verb == index.Expire {
		s.expire(in)
		return nil
	}
	r, err := s.record(in.Path)
	if err != nil {
		return err
	}
	switch in.Verb {
	case index.Place:
		return s.place(in, r)
	case index.Swap:
		return s.swap(in, r)
	case index.Move:
		return s.move(in, r)
	case index.Shelve:
		return s.shelve(in, r)
	case index.SetMeta:
		return s.setMeta(in, r)
	}
	return fmt.Errorf("unknown verb %d", in.Verb)
}

// expire ends the removal of a kept version, of which the index says nothing
// any more. What cannot be removed becomes a kept version again, as found.
func (s *scene) expire(in *index.Intent) {
	delete(s.kept, in.Held)
	if err := landing.Expire(s.files, in); err != nil {
		s.report.Problems = append(s.report.Problems, err)
	}
	s.lands = append(s.lands, &landing.Landing{Path: in.Path, Intents: []uint64{in.ID}})
	s.report.Removed++
}

// record reads one record; an empty one if there is none.
func (s *scene) record(p index.Path) (r *index.Record, err error) {
	err = s.st.View(func(tx *store.Tx) (err error) {
		r, err = tx.Get(p)
		return err
	})
	if r == nil {
		r = &index.Record{Path: p}
	}
	return r, err
}
