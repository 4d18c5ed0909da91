package scan

import (
	"duet/scan/vfs"
	"duet/store/index"
)

// state is what the disk has at a path, as far as it was looked at.
type state struct {
	stamp  index.Stamp
	kind   index.Kind
	hash   index.Hash // File, if it was read
	target string     // Symlink
}

// kindOf returns the kind of entry that a type is, 0 for what is not synced.
func kindOf(t vfs.Type) index.Kind {
	switch t {
	case vfs.Regular:
		return index.File
	case vfs.Directory:
		return index.Dir
	case vfs.Link:
		return index.Symlink
	}
	return 0
}

// oursOf returns what r says is at its path, and with what stamp.
func oursOf(r *index.Record) (*index.Entry, index.Stamp) {
	if r == nil || r.Ours == nil {
		return nil, index.Stamp{}
	}
	return r.Ours, r.Stamp
}

// known reports whether ours, with its stamp, is of the kind that is on disk,
// so that a difference can be told field by field.
func known(ours *index.Entry, was index.Stamp, kind index.Kind) bool {
	return ours.Live() && ours.Kind == kind && was != index.Stamp{}
}

// mustRead reports whether a file's content, or a link's target, may differ
// from what the index says. Ctime alone is enough: it is all that is left of a
// write whose mtime was set back.
func mustRead(r *index.Record, kind index.Kind, now index.Stamp) bool {
	ours, was := oursOf(r)
	return kind != index.Dir && (!known(ours, was, kind) ||
		was.Ino != now.Ino || was.Size != now.Size || was.ModTime != now.ModTime || was.Ctime != now.Ctime)
}

// compare returns what has to be recorded, if anything. From a path that was
// there before, only the fields that changed since its stamp are taken over:
// what the filesystem could not store, or this user could not set, is no edit.
func (f *Facts) compare(p index.Path, r *index.Record, s state, read bool) (Finding, bool) {
	ours, was := oursOf(r)
	out := Finding{Path: p, Was: was, Now: s.stamp}
	switch {
	case !known(ours, was, s.kind):
		e := f.fresh(s)
		if ours.Live() && ours.Kind == s.kind {
			if !f.SyncOwners {
				e.Owner, e.Group = ours.Owner, ours.Group
			}
			if index.Same(ours, e) {
				return out, true
			}
		}
		out.Entry = e
	case was == s.stamp && !read:
		return out, false
	default:
		e := f.update(ours, was, s, read)
		if unchanged(ours, e) {
			return out, was != s.stamp
		}
		out.Entry = e
	}
	switch {
	case !ours.Live():
		out.What = index.Created
	case index.SameContent(ours, out.Entry):
		out.What = index.Touched
	default:
		out.What = index.Changed
	}
	return out, true
}

// fresh is the entry of something that was not there before.
func (f *Facts) fresh(s state) *index.Entry {
	e := &index.Entry{Kind: s.kind, Hash: s.hash, Target: s.target, Origin: f.Node}
	if s.kind == index.File {
		e.Size = s.stamp.Size
	}
	if s.kind != index.Dir {
		e.ModTime = s.stamp.ModTime
	}
	if s.kind != index.Symlink {
		e.Mode = s.stamp.Mode & f.modeMask()
	}
	if f.SyncOwners {
		e.Owner, e.Group = f.Owners.Name(s.stamp.UID), f.Owners.GroupName(s.stamp.GID)
	}
	return e
}

// update is ours with what changed between the stamps.
func (f *Facts) update(ours *index.Entry, was index.Stamp, s state, read bool) *index.Entry {
	e := *ours
	e.Version, e.Over, e.Rescued, e.Settled, e.Apart, e.Origin = nil, nil, false, nil, false, f.Node
	now := s.stamp
	if read && s.kind == index.File {
		e.Hash, e.Size = s.hash, now.Size
	}
	if read && s.kind == index.Symlink {
		e.Target = s.target
	}
	if s.kind != index.Dir && now.ModTime != was.ModTime {
		e.ModTime = now.ModTime
	}
	if mask := f.modeMask(); s.kind != index.Symlink && now.Mode&mask != was.Mode&mask {
		e.Mode = now.Mode & mask
	}
	if f.SyncOwners && now.UID != was.UID {
		e.Owner = f.Owners.Name(now.UID)
	}
	if f.SyncOwners && now.GID != was.GID {
		e.Group = f.Owners.GroupName(now.GID)
	}
	return &e
}

// unchanged is stricter than index.Same: an owner where none was recorded is a change.
func unchanged(a, b *index.Entry) bool {
	return index.Same(a, b) && a.Owner == b.Owner && a.Group == b.Group
}

func (f *Facts) modeMask() uint32 {
	if f.SpecialBits {
		return 07777
	}
	return 0777
}
