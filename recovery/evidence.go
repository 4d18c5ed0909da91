package recovery

import (
	"errors"
	"io/fs"
	"strings"

	"duet/recovery/landing"
	"duet/scan/vfs"
	"duet/store/index"
)

// lstat looks at a path; ok is false if nothing is there.
func (s *scene) lstat(p index.Path) (info vfs.Info, ok bool, err error) {
	info, err = s.files.Lstat(p)
	if errors.Is(err, fs.ErrNotExist) {
		return vfs.Info{}, false, nil
	}
	return info, err == nil, err
}

// staged finds a thing in the stage by its inode: Batch may have renamed it
// there after it found that it could not install it.
func (s *scene) staged(ino uint64) (vfs.Held, bool) {
	for name, info := range s.stage {
		if info.Stamp.Ino == ino {
			return vfs.Held{Area: vfs.Stage, Name: name}, true
		}
	}
	return vfs.Held{}, false
}

// orphan finds a thing among the kept that has no record yet.
func (s *scene) orphan(ino uint64) (string, bool) {
	for name, info := range s.kept {
		if info.Stamp.Ino == ino {
			return name, true
		}
	}
	return "", false
}

// pristine reports whether a stamp can be that of what the intent staged:
// nobody wrote to it since.
func pristine(in *index.Intent, s index.Stamp) bool {
	if s.Ino != in.Ino {
		return false
	}
	switch in.Entry.Kind {
	case index.File:
		return s.Size == in.Entry.Size && s.ModTime == in.Entry.ModTime
	case index.Symlink:
		return s.Size == int64(len(in.Entry.Target))
	}
	return true
}

// stampOf returns what the record gets for an install that happened: what is
// there, or a stamp that does not match it if somebody wrote to it since, so
// that the next look finds the edit. (A filesystem that cuts times short looks
// the same; the look then finds the same content.) A mode or owner that Batch
// did not set is an edit, too.
func (s *scene) stampOf(in *index.Intent, now index.Stamp, r *index.Record) index.Stamp {
	was := now
	m := s.env.Meta(in.Entry, r)
	if in.Entry.Kind != index.Symlink {
		was.Mode = now.Mode&^07777 | m.Mode&07777
	}
	if m.UID >= 0 {
		was.UID = uint32(m.UID)
	}
	if m.GID >= 0 {
		was.GID = uint32(m.GID)
	}
	if !pristine(in, now) {
		was.Size, was.ModTime, was.Ctime = in.Entry.Size, in.Entry.ModTime, 0
	}
	return was
}

// untouched reports whether a stamp is that of what the intent staged, as Batch
// put it there: nobody wrote to it since, or changed its mode or owner.
func (s *scene) untouched(in *index.Intent, now index.Stamp, r *index.Record) bool {
	return pristine(in, now) && s.stampOf(in, now, r) == now
}

// own reports whether the intent is for an edit of this node's own, which the
// next look is to find: see install.Job.
func own(in *index.Intent) bool { return len(in.Entry.Version) == 0 }

// finish writes down that the intent was done.
func (s *scene) finish(in *index.Intent, stamp index.Stamp, out *landing.Displaced) *landing.Landing {
	l := &landing.Landing{
		Path: in.Path, Entry: in.Entry, Stamp: stamp, Out: out, From: in.From,
		Intents: []uint64{in.ID}, What: index.Adopted, How: index.ByRecovery,
		By: in.Entry.Origin, Rule: in.Rule, Note: "found done after an interruption",
	}
	if in.Reason == index.LostConflict || in.Reason == index.Overruled && in.Entry.Origin != s.env.Node {
		l.Conflict = &index.Conflict{Winner: in.Entry, Rule: in.Rule}
	}
	if own(in) {
		l.Conflict = nil
		l.Entry, l.Stamp = nil, index.Stamp{}
		l.What, l.By, l.Said = index.Restored, s.env.Node, true
		s.report.Examine = append(s.report.Examine, in.Path)
	}
	s.lands = append(s.lands, l)
	s.touch(in)
	s.report.Finished++
	return l
}

// openedUp reports whether a directory is as it was but that its owner may
// write: so Batch makes it for an instant, to be able to rename it.
func openedUp(now, was index.Stamp) bool {
	was.Mode |= 0700
	return isDir(was) && now == was
}

// shut gives a new directory the mode that Batch would have given it last. It
// returns what the record gets.
func (s *scene) shut(in *index.Intent, now index.Stamp, r *index.Record) (index.Stamp, error) {
	m := s.env.Meta(in.Entry, r)
	if in.Entry.Kind != index.Dir || now.Mode&07777 == m.Mode || now.Mode&07777 != m.Mode|0700 {
		return s.stampOf(in, now, r), nil
	}
	return s.files.SetMeta(in.Path, m, now)
}

// undo leaves the record as it is. out is what came out of the tree all the
// same, and is kept.
func (s *scene) undo(in *index.Intent, out *landing.Displaced) *landing.Landing {
	l := &landing.Landing{Path: in.Path, Intents: []uint64{in.ID}, Out: out, By: in.Entry.Origin}
	s.lands = append(s.lands, l)
	s.touch(in)
	s.report.Undone++
	s.report.Examine = append(s.report.Examine, in.Path)
	return l
}

func (s *scene) touch(in *index.Intent) {
	s.dirs[in.Path.Parent()] = true
	if in.Verb == index.Move {
		s.dirs[in.From.Parent()] = true
	}
	if in.Entry.Kind == index.Dir {
		s.dirs[in.Path] = true
	}
}

// drop gets rid of what was staged for an intent that was not done: it has
// never been in the tree, or came back out of it as it was. It is removed
// after the commit; until then it has a name that tells that it is a copy. A
// file is left for its transfer to find.
func (s *scene) drop(in *index.Intent, h vfs.Held) error {
	if strings.HasSuffix(h.Name, PartSuffix) {
		return nil
	}
	info, err := s.files.LstatHeld(h)
	if err != nil || !pristine(in, info.Stamp) {
		return err // if somebody wrote to it, leftovers will look at it
	}
	if in.Entry.Kind == index.File {
		to := vfs.Held{Area: vfs.Stage, Name: in.Entry.Hash.String() + PartSuffix}
		if _, err := s.files.LstatHeld(to); errors.Is(err, fs.ErrNotExist) {
			return s.files.RenameHeld(h, to)
		}
	}
	if !landing.MayBeOriginal(h.Name) {
		s.discard = append(s.discard, h)
		return nil
	}
	if info.Type == vfs.Directory {
		// RACE: if it was in the tree at all, that was for microseconds before
		// the crash. A process that entered it then, stayed through the crash,
		// and makes a file in it just now, would lose that.
		if empty, err := s.empty(h); err != nil || !empty {
			return err
		}
	}
	to, err := landing.Free(s.files, vfs.Held{Area: vfs.Stage, Name: landing.NewName(s.at, int(in.ID))})
	if err != nil {
		return err
	}
	s.discard = append(s.discard, to)
	return s.files.RenameHeld(h, to)
}

// empty reports whether a held directory has nothing in it.
func (s *scene) empty(h vfs.Held) (bool, error) {
	inside, err := s.files.Inside(h)
	if err != nil {
		return false, err
	}
	d, err := inside.OpenDir(index.Root)
	if err != nil {
		return false, errors.Join(err, inside.Close())
	}
	names, err := d.Names()
	return len(names) == 0, errors.Join(err, d.Close(), inside.Close())
}

// keep brings a staged thing that was in the tree among the kept. It is what
// the record says, and kept for the intent's reason, if its stamp is expected;
// else it is a save that nobody has seen.
func (s *scene) keep(in *index.Intent, r *index.Record, h vfs.Held) (*landing.Displaced, error) {
	info, err := s.files.LstatHeld(h)
	if err != nil {
		return nil, err
	}
	out := &landing.Displaced{Entry: r.Ours, Reason: in.Reason}
	if !r.Ours.Live() || !landing.Unchanged(info.Stamp, in.Expect) {
		out.Entry, out.Reason = s.env.KnownAs(s.files, h), index.Raced
	} else if in.Reason == index.Corrupt {
		out.Entry = s.env.KnownAs(s.files, h) // it is not what the record says, which is why it went
	}
	if h.Area == vfs.Kept {
		out.Held = h.Name
	} else {
		kept, err := landing.Keep(s.files, h, landing.KeptName(s.at, int(in.ID), out.Entry))
		if err != nil {
			return nil, err
		}
		out.Held = kept.Name
	}
	delete(s.kept, out.Held)
	return out, nil
}
