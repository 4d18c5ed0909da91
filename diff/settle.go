package diff

import "duet/store/index"

// settle is for versions of which neither has seen the other. It is written
// without sides: choose names the winner, and only then is it asked whose.
func settle(ours, theirs *index.Entry, p Policy) Verdict {
	if p.Deletes == Track && crossed(ours, theirs) {
		return Verdict{Act: Take, Line: lineCrossed, Entry: buried(ours, theirs)}
	}
	if index.Same(ours, theirs) {
		line := lineSame
		if !ours.Live() {
			line = lineGone
		}
		return Verdict{Act: Agree, Line: line, Entry: agreed(ours, theirs)}
	}
	if ourSeen, theirSeen := seenBy(ours, theirs), seenBy(theirs, ours); ourSeen != theirSeen {
		return settleSeen(ours, theirs, theirSeen, p)
	}
	c := choose(ours, theirs, p)
	switch {
	case c.held:
		return Verdict{Act: Hold, Line: lineHeld, Conflict: true}
	case c.ours:
		return Verdict{Act: Win, Line: c.line, Entry: joined(ours, theirs), Conflict: c.conflict}
	case c.conflict:
		return Verdict{Act: TakeOver, Line: c.line, Entry: joined(theirs, ours), Conflict: true}
	default:
		return Verdict{Act: Take, Line: c.line, Entry: joined(theirs, ours)}
	}
}

// settleSeen is for versions that are concurrent only in what they beat: one
// side made its change knowing the content of the other. That is no conflict.
func settleSeen(ours, theirs *index.Entry, oursIsNewer bool, p Policy) Verdict {
	switch {
	case oursIsNewer && !ours.Live() && p.weak(ours):
		return Verdict{Act: Wait, Line: p.weakLine()}
	case oursIsNewer:
		return Verdict{Act: Win, Line: lineSeenHere, Entry: joined(ours, theirs)}
	case !theirs.Live() && p.weak(theirs):
		return Verdict{Act: Revive, Line: p.weakLine(), Entry: Revived(ours, theirs)}
	default:
		return Verdict{Act: Take, Line: lineSeenThere, Entry: joined(theirs, ours)}
	}
}

// settleTwice is for equal versions with different states. Two nodes can get
// there when each settles a race against an older state of the other: both
// have then seen the same edits, and picked different ones. The winner has
// nothing to do, not even to journal, as its version says it all already.
func settleTwice(ours, theirs *index.Entry, p Policy) Verdict {
	c := choose(ours, theirs, p)
	switch {
	case c.held:
		return Verdict{Act: Hold, Line: lineHeld, Conflict: true}
	case c.ours:
		return Verdict{Act: Wait, Line: lineTwice}
	case c.conflict:
		return Verdict{Act: TakeOver, Line: lineTwice, Entry: withOwner(theirs, ours), Conflict: true}
	default:
		return Verdict{Act: Take, Line: lineTwice, Entry: withOwner(theirs, ours)}
	}
}

type choice struct {
	ours     bool
	held     bool
	conflict bool
	line     string
}

// choose picks between two different states, at least one of them live.
func choose(ours, theirs *index.Entry, p Policy) choice {
	switch {
	case !ours.Live() || !theirs.Live():
		return choice{ours: ours.Live(), line: lineChange}
	case index.SameContent(ours, theirs):
		first, _ := better(ours, theirs, p)
		return choice{ours: first, line: lineMeta}
	case p.Conflict == OnHold:
		return choice{held: true}
	case ours.Kind != theirs.Kind:
		return choice{ours: kindRank(ours.Kind) > kindRank(theirs.Kind), conflict: true, line: kindLine(ours.Kind, theirs.Kind)}
	default:
		first, line := better(ours, theirs, p)
		return choice{ours: first, conflict: true, line: line}
	}
}

// kindRank: a directory may hold things that nobody has decided about, a file
// holds more than a link.
func kindRank(k index.Kind) int {
	switch k {
	case index.Dir:
		return 3
	case index.File:
		return 2
	default:
		return 1
	}
}

func kindLine(a, b index.Kind) string {
	switch {
	case a != index.Dir && b != index.Dir:
		return lineFileLink
	case a == index.File || b == index.File:
		return lineDirFile
	default:
		return lineDirLink
	}
}
