package diff

import "duet/store/index"

// Decide says what this node does about one path, from what it has there and
// what it last heard that the peer has. The peer, deciding from the same two
// entries (and p.Mirror()), comes to the mirrored verdict and the same outcome
// entry. What the two once agreed on plays no part: versions say more.
//
// To decide again after acting, with nothing new heard, is always Nothing,
// Wait or Hold.
func Decide(ours, theirs *index.Entry, p Policy) Verdict {
	if ours == nil || theirs == nil {
		return oneSided(ours, theirs)
	}
	switch ours.Version.Compare(theirs.Version) {
	case index.Before:
		return behind(ours, theirs, p)
	case index.After:
		return ahead(ours, theirs, p)
	case index.Equal:
		if index.Same(ours, theirs) {
			return Verdict{Act: Nothing, Line: lineAgreed}
		}
		return settleTwice(ours, theirs, p)
	default:
		return settle(ours, theirs, p)
	}
}

func oneSided(ours, theirs *index.Entry) Verdict {
	switch {
	case ours == nil && theirs == nil:
		return Verdict{Act: Nothing, Line: lineNothing}
	case theirs == nil && ours.Live():
		return Verdict{Act: Wait, Line: lineOnlyHere}
	case theirs == nil:
		return Verdict{Act: Wait, Line: lineDeletedUs}
	case theirs.Live():
		return Verdict{Act: Take, Line: lineOnlyThere, Entry: theirs}
	default:
		return Verdict{Act: Take, Line: lineDeletedOnce, Entry: theirs}
	}
}

// behind: the peer has seen everything that this node has.
func behind(ours, theirs *index.Entry, p Policy) Verdict {
	switch {
	case index.Same(ours, theirs):
		return Verdict{Act: Agree, Line: lineSameAlready, Entry: withOwner(theirs, ours)}
	case !theirs.Live() && p.weak(theirs):
		return Verdict{Act: Revive, Line: p.weakLine(), Entry: Revived(ours, theirs)}
	case lost(ours, theirs) && theirs.Settled.Covers(ours.Version):
		return Verdict{Act: TakeOver, Line: LineChosen, Entry: withOwner(theirs, ours), Conflict: true}
	case lost(ours, theirs):
		return Verdict{Act: TakeOver, Line: lineLost, Entry: withOwner(theirs, ours), Conflict: true}
	case !theirs.Live():
		return Verdict{Act: Take, Line: lineDeletedThere, Entry: theirs}
	case !ours.Live():
		return Verdict{Act: Take, Line: lineAgainThere, Entry: theirs}
	default:
		return Verdict{Act: Take, Line: lineNewerThere, Entry: withOwner(theirs, ours)}
	}
}

// ahead: this node has seen everything that the peer has.
func ahead(ours, theirs *index.Entry, p Policy) Verdict {
	switch {
	case index.Same(ours, theirs):
		return Verdict{Act: Wait, Line: lineNewerHere}
	case !ours.Live() && p.weak(ours):
		return Verdict{Act: Wait, Line: p.weakLine()}
	case !ours.Live():
		return Verdict{Act: Wait, Line: lineDeletedHere}
	case !theirs.Live():
		return Verdict{Act: Wait, Line: lineAgainHere}
	default:
		return Verdict{Act: Wait, Line: lineNewerHere}
	}
}

func (p Policy) weakLine() string {
	if p.Deletes == Never {
		return lineNever
	}
	return lineApart
}
