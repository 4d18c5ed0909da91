package recovery

import (
	"fmt"
	"slices"

	"duet/recovery/landing"
	"duet/scan/vfs"
	"duet/store/index"
)

func (s *scene) place(in *index.Intent, r *index.Record) error {
	info, ok, err := s.lstat(in.Path)
	if err != nil {
		return err
	}
	h, left := s.staged(in.Ino)
	if ok && info.Stamp.Ino == in.Ino {
		if left {
			// By hard link, where nothing better is to be had: one name is left over.
			s.discard = append(s.discard, h)
		}
		stamp, err := s.shut(in, info.Stamp, r)
		if err == nil {
			s.finish(in, stamp, nil)
		}
		return err
	}
	if left {
		if err := s.drop(in, h); err != nil {
			return err
		}
	}
	s.undo(in, nil)
	return nil
}

// swap has the most to find out. The new thing is in the stage, at the path,
// or was replaced there by somebody; the old one is at the path, in the stage
// under the new one's name, on its way there, or among the kept.
func (s *scene) swap(in *index.Intent, r *index.Record) error {
	info, ok, err := s.lstat(in.Path)
	if err != nil {
		return err
	}
	if s.written(in, r) {
		s.unfold = append(s.unfold, *in)
		s.report.Finished++
		return nil
	}
	old, out := s.cameOut(in)
	if ok && info.Stamp.Ino == in.Ino {
		return s.swapped(in, r, info.Stamp, old, out)
	}
	if gone, err := s.passedOn(in, old, out); err != nil || gone {
		return s.tookAway(in, r, old, err)
	}
	back := out && !ok && old.Name == in.Held+landing.OutSuffix
	if back {
		// Half way, where there is no exchange: taken away, and the new thing
		// has not come.
		if out, err = s.giveBack(in.Path, old); err != nil {
			return err
		}
		if info, ok, err = s.lstat(in.Path); err != nil {
			return err
		}
	}
	if h, left := s.staged(in.Ino); left {
		if err := s.drop(in, h); err != nil {
			return err
		}
	}
	var kept *landing.Displaced
	if out {
		if kept, err = s.keep(in, r, old); err != nil {
			return err
		}
	}
	l := s.undo(in, kept)
	switch {
	case back && ok && landing.Unchanged(info.Stamp, in.Expect):
		l.Stamp = info.Stamp // what went and came back has another ctime
	case ok && openedUp(info.Stamp, in.Expect):
		_, err = s.files.SetMeta(in.Path, metaOf(in.Expect), info.Stamp)
	}
	return err
}

// passedOn reports whether the swap was done, and somebody then took away or
// replaced what it had brought: what came out of the tree is here, untouched,
// and what went in is not.
func (s *scene) passedOn(in *index.Intent, old vfs.Held, out bool) (bool, error) {
	if !out || isDir(in.Expect) || own(in) {
		return false, nil
	}
	if _, left := s.staged(in.Ino); left {
		return false, nil
	}
	info, err := s.files.LstatHeld(old)
	return err == nil && landing.Unchanged(info.Stamp, in.Expect), err
}

// tookAway writes such a swap down as done. The next look then finds what was
// done to it, as an edit that knew it: a delete of the peer's newer version,
// not of the one that it had replaced.
func (s *scene) tookAway(in *index.Intent, r *index.Record, old vfs.Held, err error) error {
	if err != nil {
		return err
	}
	kept, err := s.keep(in, r, old)
	if err != nil {
		return err
	}
	mode := map[index.Kind]uint32{index.File: 0100000, index.Dir: 0040000, index.Symlink: 0120000}[in.Entry.Kind]
	s.finish(in, s.stampOf(in, index.Stamp{Ino: in.Ino, Mode: mode}, r), kept)
	return nil
}

// written reports whether the swap of a directory was written down already:
// then only what was in the directory is left to do.
func (s *scene) written(in *index.Intent, r *index.Record) bool {
	return isDir(in.Expect) && in.Entry.Kind != index.Dir && !own(in) && r.Ours != nil &&
		index.EqualEntries(r.Ours, in.Entry)
}

func isDir(s index.Stamp) bool { return s.Mode&0170000 == 0040000 }

// cameOut finds what a swap took out of the tree.
func (s *scene) cameOut(in *index.Intent) (vfs.Held, bool) {
	for _, name := range []string{in.Held, in.Held + landing.OutSuffix} {
		if info, ok := s.stage[name]; ok && info.Stamp.Ino != in.Ino {
			return vfs.Held{Area: vfs.Stage, Name: name}, true
		}
	}
	if name, ok := s.orphan(in.Expect.Ino); ok {
		return vfs.Held{Area: vfs.Kept, Name: name}, true
	}
	return vfs.Held{}, false
}

// giveBack puts what came out back to a path where nothing is. It returns true
// if it is still out, because somebody was quicker.
func (s *scene) giveBack(p index.Path, h vfs.Held) (out bool, err error) {
	back, err := landing.Return(s.files, h, p)
	if back && h.Area == vfs.Kept {
		delete(s.kept, h.Name)
	}
	return !back, err
}

// swapped settles a swap that happened: what came out is looked at, as Batch
// would have.
func (s *scene) swapped(in *index.Intent, r *index.Record, now index.Stamp, old vfs.Held, out bool) error {
	stamp, err := s.shut(in, now, r)
	if err != nil {
		return err
	}
	if !out {
		s.finish(in, stamp, nil)
		return nil
	}
	if old.Name == in.Held+landing.OutSuffix {
		to := vfs.Held{Area: vfs.Stage, Name: in.Held}
		if err := s.files.RenameHeld(old, to); err != nil {
			return err
		}
		old = to
	}
	whole := isDir(in.Expect) && in.Entry.Kind != index.Dir
	fine, err := s.asExpected(in, old, whole)
	if err != nil {
		return err
	}
	if !fine && old.Area == vfs.Stage && s.untouched(in, stamp, r) {
		undone, err := landing.Back(s.files, old, in.Path, func(st index.Stamp) bool { return s.untouched(in, st, r) })
		if err != nil {
			return err
		}
		if undone {
			if in.Entry.Kind == index.Dir {
				if _, err := landing.ReturnInside(s.files, old, in.Path); err != nil {
					return err
				}
			}
			if err := s.drop(in, old); err != nil {
				return err
			}
			s.undo(in, nil)
			return nil
		}
		kept, err := s.keep(in, r, old)
		if err != nil {
			return err
		}
		s.undo(in, kept)
		return nil
	}
	if whole && old.Area == vfs.Stage {
		l := s.finish(in, stamp, nil)
		l.Intents = nil
		s.unfold = append(s.unfold, *in)
		return nil
	}
	kept, err := s.keep(in, r, old)
	if err != nil {
		return err
	}
	s.finish(in, stamp, kept)
	return nil
}

// asExpected looks at what came out of a swap.
func (s *scene) asExpected(in *index.Intent, old vfs.Held, whole bool) (bool, error) {
	info, err := s.files.LstatHeld(old)
	if err != nil || !landing.Unchanged(info.Stamp, in.Expect) && !openedUp(info.Stamp, in.Expect) {
		return false, err
	}
	if !whole {
		return true, nil
	}
	inside, err := s.files.Inside(old)
	if err != nil {
		return false, err
	}
	err = s.env.Explained(s.ctx, s.st, inside, index.Root, in.Path)
	if e := inside.Close(); e != nil {
		return false, e
	}
	return err == nil, s.ctx.Err()
}

// move settles both ends of a move: the intent of its source comes with it.
func (s *scene) move(in *index.Intent, r *index.Record) error {
	info, ok, err := s.lstat(in.Path)
	if err != nil {
		return err
	}
	if ok && info.Stamp.Ino == in.Ino {
		s.finish(in, s.stampOf(in, info.Stamp, r), nil)
		return nil
	}
	if h, mid := s.staged(in.Ino); mid {
		// Half way, where there is no rename that does not replace.
		out, err := s.giveBack(in.From, h)
		if err != nil {
			return err
		}
		if out {
			r := &index.Record{Path: in.From}
			kept, err := s.keep(in, r, h)
			if err != nil {
				return err
			}
			kept.Path = in.From
			s.undo(in, kept)
			return nil
		}
	}
	s.undo(in, nil)
	return nil
}

// source settles the Shelve that goes with a move.
func (s *scene) source(in, move *index.Intent, r *index.Record) error {
	info, ok, err := s.lstat(move.Path)
	if err != nil {
		return err
	}
	if ok && info.Stamp.Ino == move.Ino {
		s.finish(in, index.Stamp{}, nil).To = move.Path
		return nil
	}
	l := s.undo(in, nil)
	info, ok, err = s.lstat(in.Path)
	if err != nil || !ok || info.Stamp.Ino != in.Expect.Ino || info.Stamp == in.Expect {
		return err
	}
	// Its metadata may have been set for the move. As it was, so that the scan
	// does not take ours for an edit.
	if !s.between(in.Expect, info.Stamp, move.Entry, r) {
		return nil
	}
	l.Stamp, err = s.files.SetMeta(in.Path, metaOf(in.Expect), info.Stamp)
	return err
}

// between reports whether each field of now is either as it was, or as Batch
// would have set it for want.
func (s *scene) between(was, now index.Stamp, want *index.Entry, r *index.Record) bool {
	m := s.env.Meta(want, r)
	time := func(t int64) bool { return t == was.ModTime || m.ModTime != 0 && t == m.ModTime }
	id := func(now, was uint32, set int64) bool { return now == was || int64(now) == set }
	mode := now.Mode == was.Mode || now.Mode&07777 == m.Mode&07777 && now.Mode&^07777 == was.Mode&^07777
	return now.Ino == was.Ino && now.Size == was.Size && mode && time(now.ModTime) &&
		id(now.UID, was.UID, m.UID) && id(now.GID, was.GID, m.GID)
}

func metaOf(s index.Stamp) vfs.Meta {
	return vfs.Meta{Mode: s.Mode & 07777, ModTime: s.ModTime, UID: int64(s.UID), GID: int64(s.GID)}
}

// wentWhole reports whether a directory above p went out as a whole. Its
// intent is always before those of what is below it.
func (s *scene) wentWhole(p index.Path) bool {
	return slices.ContainsFunc(s.unfold, func(in index.Intent) bool { return p.Under(in.Path) })
}

// returnCleared puts the directories back that were on their way out as a whole: what
// was brought among the kept already is settled by its own intent, like a file that was
// removed by itself, and so is the rest.
func (s *scene) returnCleared() {
	for i := range s.intents {
		in := &s.intents[i]
		info, ok := s.stage[in.Held]
		if in.Verb != index.Shelve || !isDir(in.Expect) || !ok || info.Stamp.Ino != in.Expect.Ino {
			continue
		}
		h := vfs.Held{Area: vfs.Stage, Name: in.Held}
		out, err := s.giveBack(in.Path, h)
		switch {
		case err == nil && !out:
			delete(s.stage, in.Held)
		case err == nil: // what is left in it is kept with the leftovers
			_, err = landing.ReturnInside(s.files, h, in.Path)
		}
		if err != nil {
			s.report.Problems = append(s.report.Problems, fmt.Errorf("put %v back: %w", in.Path, err))
		}
	}
}

func (s *scene) shelve(in *index.Intent, r *index.Record) error {
	if move := s.moves[in.Path]; move != nil && move.Ino == in.Expect.Ino {
		return s.source(in, move, r)
	}
	_, there, err := s.lstat(in.Path)
	if err != nil {
		return err
	}
	if s.wentWhole(in.Path) {
		s.undo(in, nil) // Unfold writes it down
		return nil
	}
	if isDir(in.Expect) {
		if there {
			s.undo(in, nil)
			return nil
		}
		// Removed, by us or by somebody: either way it is as the peer has it.
		s.finish(in, index.Stamp{}, &landing.Displaced{Entry: r.Ours, Reason: in.Reason})
		return nil
	}
	info, out := s.kept[in.Held]
	h := vfs.Held{Area: vfs.Kept, Name: in.Held}
	if !out {
		s.undo(in, nil)
		return nil
	}
	if landing.Unchanged(info.Stamp, in.Expect) {
		kept, err := s.keep(in, r, h)
		if err != nil {
			return err
		}
		s.finish(in, index.Stamp{}, kept)
		return nil
	}
	if !there {
		if out, err = s.giveBack(in.Path, h); err != nil {
			return err
		}
	}
	var kept *landing.Displaced
	if out {
		if kept, err = s.keep(in, r, h); err != nil {
			return err
		}
	}
	s.undo(in, kept)
	return nil
}

// setMeta sets the metadata once more: it may have been half done, and a scan
// would take the half for an edit.
func (s *scene) setMeta(in *index.Intent, r *index.Record) error {
	info, ok, err := s.lstat(in.Path)
	if err != nil {
		return err
	}
	if opening(in, r) {
		return s.shutAgain(in, info, ok)
	}
	if !ok || info.Stamp == in.Expect || !r.Ours.Live() || !s.between(in.Expect, info.Stamp, in.Entry, r) {
		s.undo(in, nil)
		return nil
	}
	stamp, err := s.files.SetMeta(in.Path, s.env.Meta(in.Entry, r), info.Stamp)
	if err == nil {
		err = landing.SyncMeta(s.files, []vfs.Seen{{Path: in.Path, Stamp: stamp}})
	}
	if err != nil {
		return err
	}
	s.finish(in, stamp, nil)
	return nil
}

// opening reports whether an intent is to open a directory for its owner: then
// its entry stays what it is.
func opening(in *index.Intent, r *index.Record) bool {
	return isDir(in.Expect) && r.Ours != nil && index.EqualEntries(in.Entry, r.Ours)
}

// shutAgain gives a directory its mode back that was opened, as nobody has
// written down that this was us: the scan would take it for an edit.
func (s *scene) shutAgain(in *index.Intent, info vfs.Info, there bool) error {
	l := s.undo(in, nil)
	if !there || !openedUp(info.Stamp, in.Expect) || info.Stamp == in.Expect {
		return nil
	}
	stamp, err := s.files.SetMeta(in.Path, vfs.Meta{Mode: in.Expect.Mode & 07777, UID: -1, GID: -1}, info.Stamp)
	if err != nil {
		return err
	}
	l.Stamp = stamp
	return landing.SyncMeta(s.files, []vfs.Seen{{Path: in.Path, Stamp: stamp}})
}
