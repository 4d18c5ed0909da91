package diff

import "duet/store/index"

// Edited is the entry after an own edit, found in the tree: old is what this
// node had (nil if nothing), now what it has, without a version. Over stays,
// so that the peer can still tell that its own state was beaten before; so does
// Settled: an edit takes back nothing that a person has settled.
func Edited(old, now *index.Entry, epoch index.Epoch, seq index.Seq) *index.Entry {
	out := *now
	out.Version, out.Over, out.Rescued, out.Settled = nil, nil, false, nil
	if old != nil {
		out.Version, out.Over, out.Rescued, out.Settled = old.Version, old.Over, old.Rescued, old.Settled
	}
	out.Version = out.Version.With(epoch, seq)
	return &out
}

// joined is the outcome when winner beats a concurrent loser.
func joined(winner, loser *index.Entry) *index.Entry {
	out := *withOwner(winner, loser)
	out.Version = winner.Version.Join(loser.Version)
	out.Over, out.Rescued = loser.Version, winner.Live() && !loser.Live()
	out.Settled = winner.Settled.Join(loser.Settled, out.Version)
	return &out
}

// buried is the outcome when what each side has was deleted by the other.
func buried(a, b *index.Entry) *index.Entry {
	out := &index.Entry{Kind: index.Gone, Version: a.Version.Join(b.Version), Origin: min(a.Origin, b.Origin)}
	out.Settled = a.Settled.Join(b.Settled, out.Version)
	return out
}

// agreed is the outcome when both sides have the same, at concurrent versions.
func agreed(a, b *index.Entry) *index.Entry {
	aSeen, bSeen := seenBy(a, b), seenBy(b, a)
	switch {
	case aSeen && !bSeen:
		return agreement(b, a, a.Version)
	case bSeen && !aSeen:
		return agreement(a, b, b.Version)
	case a.Origin < b.Origin || a.Origin == b.Origin && tie(a, b) >= 0:
		return agreement(a, b, nil)
	default:
		return agreement(b, a, nil)
	}
}

func agreement(first, second *index.Entry, over index.Version) *index.Entry {
	out := *withOwner(first, second)
	out.Version = first.Version.Join(second.Version)
	out.Over, out.Rescued = over, false
	out.Settled = first.Settled.Join(second.Settled, out.Version)
	out.Apart = first.Apart || second.Apart
	return &out
}

// Revived is ours, kept alive against the peer's delete, or against a file or
// symlink that the peer put where this node has a directory with contents that
// the peer had not seen: such a file is then listed as a conflict's loser at
// the peer. The caller adds its own counter to the version. Only the node that
// has the live thing may do this.
func Revived(ours, theirs *index.Entry) *index.Entry {
	out := *ours
	out.Version = ours.Version.Join(theirs.Version)
	out.Over, out.Rescued = theirs.Version, !theirs.Live()
	out.Settled = ours.Settled.Join(theirs.Settled, out.Version)
	return &out
}

// withOwner returns e with the owner and group that it does not record filled
// in from other, so that a node which records owners does not lose them to one
// that does not.
func withOwner(e, other *index.Entry) *index.Entry {
	if !e.Live() || !other.Live() {
		return e
	}
	if (e.Owner != "" || other.Owner == "") && (e.Group != "" || other.Group == "") {
		return e
	}
	out := *e
	if out.Owner == "" {
		out.Owner = other.Owner
	}
	if out.Group == "" {
		out.Group = other.Group
	}
	return &out
}
