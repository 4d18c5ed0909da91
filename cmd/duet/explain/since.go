package explain

import (
	"fmt"

	"duet/cmd/duet/inspect"
	"duet/diff"
	"duet/store/index"
)

// since says in words what each side did to the path since both agreed, and
// whether it knew of the other's.
func (a *asking) since() []string {
	r := a.rec
	from := "since both agreed"
	if r.Base == nil {
		from = "so far"
	}
	mine, last := a.ownEdits()
	theirs := a.peerEdited()
	var out []string
	switch {
	case r.Ours == nil:
		out = append(out, fmt.Sprintf("%s never had it", a.Self))
	case mine > 0:
		out = append(out, fmt.Sprintf("%s %s it %s %s, last at %s, noticed by %s", a.Self, did(r.Base, r.Ours), a.often(mine), from, inspect.When(last.Time), How(last.How.String())))
	case r.Theirs != nil && !a.agreed():
		out = append(out, fmt.Sprintf("%s did not change it %s", a.Self, from))
	}
	switch {
	case r.Theirs == nil:
		out = append(out, fmt.Sprintf("%s has never said anything of it", a.Peer))
	case theirs:
		line := fmt.Sprintf("%s %s it %s", a.Peer, did(r.Base, r.Theirs), from)
		if s := r.Noticed; s.How != 0 {
			line += fmt.Sprintf(", last at %s by its clock, noticed by %s", inspect.When(s.Time), How(s.How.String()))
		}
		out = append(out, line)
	case !a.agreed():
		out = append(out, fmt.Sprintf("%s did not change it %s", a.Peer, from))
	}
	if a.agreed() {
		return []string{fmt.Sprintf("neither %s nor %s has changed it since both agreed", a.Self, a.Peer)}
	}
	if r.Base == nil {
		out = append(out, "the two have never agreed on it")
	}
	if line := a.knowledge(); line != "" {
		out = append(out, line)
	}
	return out
}

func (a *asking) agreed() bool { return a.rec.Agreed() }

// knowledge says which side's state was made knowing the other's: that, and not
// the time, decides.
func (a *asking) knowledge() string {
	r := a.rec
	if r.Ours == nil || r.Theirs == nil {
		return ""
	}
	switch r.Ours.Version.Compare(r.Theirs.Version) {
	case index.After:
		return fmt.Sprintf("what %s has was made knowing what %s has", a.Self, a.Peer)
	case index.Before:
		return fmt.Sprintf("what %s has was made knowing what %s has", a.Peer, a.Self)
	case index.Concurrent:
		return fmt.Sprintf("neither knew of the other's: %s and %s changed it independently", a.Self, a.Peer)
	}
	return "both have seen the same changes, and settled them differently: it is decided once more"
}

// ownEdits counts this node's edits behind the base, as far as the journal goes
// back, and returns the last.
func (a *asking) ownEdits() (n int, last index.Event) {
	var base index.Seq
	if a.rec.Base != nil {
		base = a.rec.Base.Version.At(a.meta.Epoch)
	}
	for _, ev := range a.trail {
		if ev.Path != a.path || ev.Pos <= base || ev.Node != a.meta.Node {
			continue
		}
		switch ev.What {
		case index.Created, index.Changed, index.Touched, index.Deleted, index.Revived:
			if n == 0 {
				last = ev
			}
			n++
		}
	}
	return n, last
}

// peerEdited reports whether the peer has edited the path since both agreed. How
// often, only its own journal says.
func (a *asking) peerEdited() bool {
	r := a.rec
	if r.Theirs == nil {
		return false
	}
	if r.Base == nil {
		return r.Theirs.Origin == a.meta.Peer
	}
	return r.Theirs.Version.At(a.meta.PeerEpoch) > r.Base.Version.At(a.meta.PeerEpoch)
}

// did is the verb for what led from base to now.
func did(base, now *index.Entry) string {
	switch diff.Since(base, now) {
	case diff.Created:
		return "created"
	case diff.Deleted, diff.Unchanged:
		if !now.Live() {
			return "deleted"
		}
	case diff.Touched:
		return "changed mode, time or owner of"
	}
	return "changed"
}

// often is times, unless more is in the journal than was read.
func (a *asking) often(n int) string {
	if len(a.trail) >= trailRead {
		return fmt.Sprintf("at least %d times", n)
	}
	return times(n)
}

func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}

// How says in words how a change was noticed.
func How(how string) string {
	switch how {
	case index.ByWatch.String():
		return "the watcher, as it happened"
	case index.ByScan.String():
		return "the scan at a start"
	case index.ByRescan.String():
		return "a later scan"
	case index.ByPeer.String():
		return "what the other node said"
	case index.ByRecovery.String():
		return "the replay of an interrupted install"
	case index.ByUser.String():
		return "the order of a person"
	case index.ByRule.String():
		return "a rule of the configuration"
	}
	return how
}
