package rounds

import (
	"duet/diff"
	"duet/store/index"
)

// untold reports whether what is here is to be replaced as the loser of a
// conflict, and the peer has not heard of it yet: it would never learn that
// there was a conflict, as only the outcome would be announced. It hears of it
// first, decides the same, and lists it, too.
func (k *picking) untold(r *index.Record, v diff.Verdict) bool {
	if v.Act != diff.TakeOver || r.Pos <= k.m.Told || r.Ours.Version.Compare(r.Theirs.Version) != index.Concurrent {
		return false
	}
	k.rounds.untold = true
	return true
}

// Told says that the peer has heard more of our journal: what waited for that
// is looked at again.
func (r *Rounds) Told() {
	if r.untold {
		r.untold = false
		r.Kick()
	}
}
