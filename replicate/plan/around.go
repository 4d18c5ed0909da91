package plan

import (
	"duet/diff"
	"duet/store/index"
)

// upward remembers the last directory that was asked for: what is in one mostly
// comes together.
type upward struct {
	asked bool
	dir   index.Path
	ok    bool
}

// Of says what becomes of r, with all that other paths have to do with it.
func (p *Planner) Of(r *index.Record) (Fate, error) {
	f, err := p.alone(r)
	if err != nil || f.moves == [2]*Move{} {
		return f, err
	}
	for _, at := range []side{here, there} {
		if f.moves[at] == nil {
			continue
		}
		if err := p.inside(r, &f, at); err != nil {
			return f, err
		}
	}
	if f.excluded {
		needed, err := p.needed(r, &f)
		if err != nil {
			return f, err
		}
		if needed {
			f.Waits = ""
		}
	}
	if f.Waits != "" {
		return f, nil
	}
	held, err := p.underWaiting(r.Path)
	if err != nil || held {
		f.Waits = waitsAbove
		return f, err
	}
	for _, at := range []side{here, there} {
		if m := f.moves[at]; m != nil && m.Is.Live() {
			ok, err := p.reachable(at, r.Path.Parent())
			if err != nil {
				return f, err
			}
			if !ok {
				f.Waits = waitsAbove
			}
		}
	}
	return f, nil
}

// now is what a node has at r.
func now(r *index.Record, at side) *index.Entry {
	if at == here {
		return r.Ours
	}
	return r.Theirs
}

// inside looks at what is in a directory that is to go, or to become something
// else: if something is to stay there, so does the directory; if something
// waits, the directory does, too.
func (p *Planner) inside(r *index.Record, f *Fate, at side) error {
	m := f.moves[at]
	many := f.Waits == waitsMany || f.Waits == waitsManyThere
	if f.Waits != "" && !many || m.Was.LiveKind() != index.Dir || m.Is.LiveKind() == index.Dir {
		return nil
	}
	waits, full := false, false
	for c, err := range p.tx.Under(r.Path) {
		if err != nil {
			return err
		}
		cf, err := p.alone(c)
		if err != nil {
			return err
		}
		cm := cf.moves[at]
		full = full || now(c, at).Live()
		switch {
		case cf.Waits != "":
			if now(c, at).Live() {
				waits = waits || cm.removes()
			}
			if !now(c, at).Live() || cm.removes() {
				continue
			}
		case cm != nil:
			if !cm.Is.Live() {
				continue
			}
		case !now(c, at).Live():
			continue
		}
		if f.Take != ByRule {
			f.Waits = waitsStays
			return nil
		}
		// It stays: so does the directory, and the other node gets it back.
		f.moves = [2]*Move{}
		f.moves[at.other()] = change(now(r, at.other()), now(r, at))
		f.Line, f.revived, f.Waits = diff.LineContents, true, ""
		return nil
	}
	switch {
	case many:
	case waits:
		f.Waits = waitsInside
	case full && at == here && f.Take != ByRule && !m.Is.Live():
		w, err := p.goesAlong(r)
		if err != nil {
			return err
		}
		if w == nil { // else it goes with all that is in it
			f.Waits = waitsFirst
		}
	}
	return nil
}

// needed reports whether a directory that is left out is made all the same, for
// something in it that is not.
func (p *Planner) needed(r *index.Record, f *Fate) (bool, error) {
	if f.Conflict {
		return false, nil
	}
	for _, at := range []side{here, there} {
		m := f.moves[at]
		if m == nil || m.Is.LiveKind() != index.Dir || m.Was.Live() {
			continue
		}
		for c, err := range p.tx.Under(r.Path) {
			if err != nil {
				return false, err
			}
			if cf, err := p.alone(c); err != nil || cf.Waits == "" && cf.moves[at] != nil && cf.moves[at].Is.Live() {
				return true, err
			}
		}
	}
	return false, nil
}

// reachable reports whether dir is a directory on a node when what is in it is to
// be placed there.
func (p *Planner) reachable(at side, dir index.Path) (bool, error) {
	if dir == index.Root {
		return true, nil
	}
	if u := &p.up[at]; u.asked && u.dir == dir {
		return u.ok, nil
	}
	ok, err := p.becomesDir(at, dir)
	p.up[at] = upward{true, dir, ok}
	return ok, err
}

func (p *Planner) becomesDir(at side, dir index.Path) (bool, error) {
	r, err := p.tx.Get(dir)
	if err != nil || r == nil {
		return false, err
	}
	if now(r, at).LiveKind() == index.Dir {
		return true, nil // it stays, for what comes into it
	}
	f, err := p.alone(r)
	if err != nil {
		return false, err
	}
	for _, on := range []side{here, there} {
		if f.moves[on] == nil {
			continue
		}
		if err := p.inside(r, &f, on); err != nil {
			return false, err
		}
	}
	m := f.moves[at]
	if m == nil || m.Is.LiveKind() != index.Dir || f.Waits != "" && !f.excluded || f.excluded && f.Conflict {
		return false, nil
	}
	return p.reachable(at, dir.Parent())
}
