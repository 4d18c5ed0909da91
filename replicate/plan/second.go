package plan

import (
	"fmt"
	"path"
	"strings"
	"time"

	"duet/diff"
	"duet/store/index"
)

// maxSeconds is how many second names are tried for one path.
const maxSeconds = 100

// Second is a second name for what loses at a path, because a person wants to
// keep both.
type Second struct {
	Path index.Path
	Was  *index.Entry // what is there: nothing, or the same already
	Is   *index.Entry
	Ours bool // it is our side that loses the name
}

// both lets the winner keep the name.
func (p *Planner) both(r *index.Record, f *Fate) {
	dirs := r.Ours.LiveKind() == index.Dir || r.Theirs.LiveKind() == index.Dir
	if dirs || !r.Ours.Live() || !r.Theirs.Live() || index.SameContent(r.Ours, r.Theirs) {
		f.Waits = waitsBoth
		return
	}
	ours := p.wins(r)
	if _, ok, err := p.Second(r, ours); err != nil || !ok {
		f.Waits = waitsName
		return
	}
	f.Take, f.Waits, f.Line = Both, "", diff.LineRuled
	f.moves = [2]*Move{}
	if ours {
		f.moves[there] = change(r.Theirs, r.Ours)
	} else {
		f.moves[here] = change(r.Ours, r.Theirs)
	}
}

// wins reports whether our side keeps the name if both are kept: as the rules
// have it, else the newer one.
func (p *Planner) wins(r *index.Record) bool {
	policy := p.orders.policy
	if policy.Conflict == diff.OnHold {
		policy.Conflict = diff.Newer
	}
	switch diff.Decide(r.Ours, r.Theirs, policy).Act {
	case diff.Win, diff.Wait, diff.Revive:
		return true
	}
	return false
}

// Second finds the second name for what loses at r. It is made of the node and
// the time of the loser, so that people see what it is.
func (p *Planner) Second(r *index.Record, oursWins bool) (s Second, ok bool, err error) {
	loser, node := r.Theirs, p.Peer
	if !oursWins {
		loser, node = r.Ours, p.Self
	}
	leaf := r.Path.Leaf()
	ext := path.Ext(leaf)
	if ext == leaf || len(ext) > 16 {
		ext = ""
	}
	stem := strings.TrimSuffix(leaf, ext)
	when := ""
	if loser.ModTime != 0 {
		when = time.Unix(0, loser.ModTime).UTC().Format(" 2006-01-02 15.04")
	}
	for n := 1; n <= maxSeconds; n++ {
		mark := fmt.Sprintf(" (%s%s)", strings.ReplaceAll(node, "/", "-"), when)
		if n > 1 {
			mark = fmt.Sprintf(" (%s%s %d)", strings.ReplaceAll(node, "/", "-"), when, n)
		}
		q, err := join(r.Path.Parent(), stem+mark+ext)
		if err != nil {
			return s, false, nil
		}
		is, err := p.tx.Get(q)
		if err != nil {
			return s, false, err
		}
		if is == nil {
			is = &index.Record{Path: q}
		}
		s = Second{Path: q, Was: is.Ours, Is: loser.Bare(), Ours: !oursWins}
		if p.Book.Ignores(&index.Record{Path: q, Ours: loser}) || p.orders.reserve.Excludes(q) {
			return s, false, nil
		}
		if !is.Ours.Live() && !is.Theirs.Live() || is.Agreed() && index.Same(is.Ours, loser) || !is.Theirs.Live() && index.Same(is.Ours, loser) {
			return s, true, nil
		}
	}
	return s, false, nil
}

func join(dir index.Path, leaf string) (index.Path, error) {
	if dir == index.Root {
		return index.ParsePath(leaf)
	}
	return dir.Join(leaf)
}
