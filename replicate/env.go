package replicate

import (
	"strings"

	"duet/diff"
	"duet/recovery/landing"
	"duet/replicate/install"
	"duet/replicate/rounds"
	"duet/scan/vfs"
	"duet/store/index"
)

// landingEnv is what installing and replaying need to know of the share.
func (s *Share) landingEnv() landing.Env {
	return landing.Env{
		Now:    s.now,
		Node:   s.cfg.Node,
		Meta:   s.metaFor,
		Next:   s.book.Next,
		Doomed: s.doomedEntry,
	}
}

func (s *Share) installEnv() install.Env {
	env := install.Env{Env: s.landingEnv(), Recheck: s.recheck, Undone: s.book.Undone.Note}
	if unprivileged {
		env.Opened = s.opened
	}
	return env
}

// roundsOptions are what the rounds need to know of the share.
func (l *loop) roundsOptions() rounds.Options {
	return rounds.Options{
		Share: l.s.cfg.Name, Peer: l.s.cfg.PeerName, Book: l.s.book, Trouble: &l.trouble, Bounds: l.s.bounds, Window: l.s.cfg.MaxDeleteWindow,
		Delta: l.s.cfg.Delta, Names: l.s.boot, Meta: l.s.metaFor, Revive: l.revive, Spare: l.spare, Journal: l.journal, Log: l.log,
	}
}

// recheck decides again, at the last moment: a job whose reason has gone is
// dropped, and the path looked at afresh.
func (s *Share) recheck(r *index.Record, j *install.Job) bool {
	v := s.book.Decide(r)
	if v.Act != diff.Take && v.Act != diff.TakeOver || s.book.Ignores(r) {
		return false
	}
	if s.book.Reserved(r, v) && !(j.Entry.Kind == index.Dir && !r.Ours.Live()) {
		return false // left out of a plan meanwhile
	}
	return index.Same(v.Entry, j.Entry) && v.Entry.Version.Compare(j.Entry.Version) == index.Equal
}

func (s *Share) doomedEntry(r *index.Record) *index.Entry {
	if !s.book.Doomed(r) {
		return nil
	}
	return s.book.Decide(r).Entry
}

// metaFor is the metadata that want gets on this node. What the share does not
// sync is left as it is on what was there before.
func (s *Share) metaFor(want *index.Entry, was *index.Record) vfs.Meta {
	m := vfs.Meta{Mode: want.Mode & 0o777, ModTime: want.ModTime, UID: -1, GID: -1}
	switch {
	case s.cfg.SpecialBits:
		m.Mode = want.Mode & 0o7777
	case was != nil && index.SameContent(was.Ours, want):
		m.Mode |= was.Stamp.Mode & 0o7000
	}
	if unprivileged && want.Kind == index.Dir {
		m.Mode |= ownerBits // shut again when all is done, see shut.go
	}
	switch {
	case s.owner.set:
		m.UID, m.GID = s.owner.uid, s.owner.gid
	case s.facts.SyncOwners:
		if id, ok := s.facts.Owners.ID(want.Owner); ok {
			m.UID = id
		}
		if id, ok := s.facts.Owners.GroupID(want.Group); ok {
			m.GID = id
		}
	}
	return m
}

// ownership is the share's `owner` setting, looked up.
type ownership struct {
	set      bool
	uid, gid int64 // -1: not set
}

// parseOwner looks up user[:group]; a user alone brings no group.
func parseOwner(o *vfs.Owners, owner string) (ownership, error) {
	if owner == "" {
		return ownership{uid: -1, gid: -1}, nil
	}
	user, group, _ := strings.Cut(owner, ":")
	own := ownership{set: true, uid: -1, gid: -1}
	var ok bool
	if user != "" {
		if own.uid, ok = o.ID(user); !ok {
			return own, unknownOwner("user", user)
		}
	}
	if group != "" {
		if own.gid, ok = o.GroupID(group); !ok {
			return own, unknownOwner("group", group)
		}
	}
	return own, nil
}
