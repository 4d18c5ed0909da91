package diff

import "duet/store/index"

// own returns the part of e's version that e's content stands for: what is
// left after taking out the counters of the version that it beat. For an entry
// that beat nothing that is the whole version.
//
// Example: A deletes (a1) what B changes (b1); A takes B's change, which is
// then {a1 b1} over {a1}, own part {b1}. If B deletes it (b2) before hearing,
// {b2} is concurrent with {a1 b1}, but has seen {b1}: so B's delete stands.
func own(e *index.Entry) index.Version {
	if len(e.Over) == 0 {
		return e.Version
	}
	var part index.Version
	for _, c := range e.Version {
		if c.Seq > e.Over.At(c.Epoch) {
			part = append(part, c)
		}
	}
	if len(part) == 0 {
		return e.Version
	}
	return part
}

// seenBy reports whether other was made, or settled, with knowledge of e's content.
func seenBy(e, other *index.Entry) bool {
	return covers(other.Version, own(e))
}

func covers(v, w index.Version) bool {
	order := v.Compare(w)
	return order == index.Equal || order == index.After
}

// crossed reports whether each side deleted what the other still has: both
// contents are there only because each met the other's delete before the delete
// of itself. Of a directory nothing can be said here: it may have contents.
//
// Example: A makes a file (a1) and deletes it (a2), B makes one (b1) and deletes
// it (b2). Each then hears of the other's file alone, which outlives its own
// delete: A has {a2 b1} over {a2}, B has {a1 b2} over {b2}.
func crossed(ours, theirs *index.Entry) bool {
	return ours.Rescued && theirs.Rescued && seenBy(ours, theirs) && seenBy(theirs, ours) &&
		ours.Live() && theirs.Live() && ours.Kind != index.Dir && theirs.Kind != index.Dir
}

// lost reports whether theirs, which is ahead of ours, got there by beating
// what is here: its version has seen ours, but its author had not. It may have
// been changed or deleted since; Edited keeps Over, so that this still shows.
func lost(ours, theirs *index.Entry) bool {
	return ours.Live() && !index.SameContent(ours, theirs) && !covers(own(theirs), own(ours))
}
