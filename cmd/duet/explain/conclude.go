package explain

import (
	"fmt"
	"strings"

	"duet/cmd/duet/inspect"
	"duet/store/index"
)

// conclude says in one sentence how things are, and what can be done.
func (a *asking) conclude() {
	out := a.out
	out.Is, out.Summary = a.is()
	out.Do = append(out.Do, a.advice()...)
}

func (a *asking) is() (word, sentence string) {
	r, d := a.rec, a.out.Disk
	onDisk := d.There
	switch {
	case r != nil && r.Ours.Live():
		return "here", a.state(r)
	case onDisk && len(a.out.Ignored) > 0:
		return "unsynced", "it is on disk here, and left alone: it is ignored"
	case onDisk && !d.Synced:
		return "unsynced", fmt.Sprintf("a %s is there: only files, directories and symlinks inside the share's own filesystem are synchronised", d.Kind)
	case onDisk:
		return "unsynced", "it is on disk here, and not in the index: it has not been looked at yet"
	case a.out.Gone != nil:
		if g := a.out.Gone; g.By != "" {
			line := fmt.Sprintf("it was deleted on %s", g.By)
			if g.Time != 0 {
				line += " at " + inspect.When(g.Time)
			}
			if g.To != "" {
				line += ", by a rename to " + g.To
			}
			return "deleted", line
		}
		return "deleted", "it was here, and is gone"
	case r != nil && r.Theirs.Live():
		if r.Next == index.Left {
			return "there", fmt.Sprintf("%s has it, and it is left alone: one of the nodes ignores it", a.Peer)
		}
		return "there", fmt.Sprintf("%s has it, and it has yet to be taken over here", a.Peer)
	case r != nil:
		return "deleted", fmt.Sprintf("it was never here; %s had it and deleted it", a.Peer)
	case len(a.out.Ignored) > 0:
		return "unknown", "it is not there, and would be left alone: it is ignored"
	}
	return "unknown", "never heard of: it is neither on disk nor in the index, and the journal does not mention it"
}

// state is of what is here.
func (a *asking) state(r *index.Record) string {
	kind := r.Ours.Kind.String()
	switch {
	case r.Next == index.Left:
		return fmt.Sprintf("a %s that is left alone on both nodes: one of them ignores it", kind)
	case r.Agreed():
		return fmt.Sprintf("a %s, the same on %s and %s", kind, a.Self, a.Peer)
	case r.Next == index.Held:
		return fmt.Sprintf("a %s in a conflict that waits for a person", kind)
	case r.Next == index.Take && !r.Theirs.Live():
		return fmt.Sprintf("a %s that %s deleted; it has yet to be deleted here", kind, a.Peer)
	case r.Next == index.Take:
		return fmt.Sprintf("a %s that %s has otherwise; this node has yet to take that over", kind, a.Peer)
	case r.Theirs == nil:
		return fmt.Sprintf("a %s that %s has yet to hear of, or to take over", kind, a.Peer)
	}
	return fmt.Sprintf("a %s that %s has otherwise; it has yet to take over what is here", kind, a.Peer)
}

// advice is what can be done about what stands in the way.
func (a *asking) advice() (do []string) {
	r, now := a.rec, a.Live
	pending := r != nil && r.Next != index.Nothing && r.Next != index.Left
	switch {
	case now == nil && pending:
		do = append(do, "no daemon runs here, so nothing moves: duet run")
	case now != nil && pending && !now.Connected:
		do = append(do, fmt.Sprintf("%s is not connected, so nothing moves: duet status", a.Peer))
	}
	if now != nil {
		do = append(do, a.fromLive()...)
	}
	if r != nil && r.Next == index.Held {
		do = append(do, fmt.Sprintf("the conflict waits for a person: duet conflicts --share %s", a.Share))
	}
	for _, k := range a.out.Kept {
		if a.out.Is == "here" && (k.Entry == nil || k.Entry.Hash != a.out.Ours.Hash) {
			do = append(do, fmt.Sprintf("a displaced version can be brought back: duet kept restore %d --share %s", k.ID, a.Share))
			break
		}
	}
	if in, inner, ok := strings.Cut(string(a.path), "/"); ok && a.out.Is == "unknown" && in == a.Share {
		do = append(do, fmt.Sprintf("paths are written as they are in the share: duet explain --share %s %s", a.Share, inspect.Shell(inner)))
	}
	if a.out.Is == "unknown" && len(a.out.Ignored) == 0 {
		do = append(do, fmt.Sprintf("look for it by its name: duet index ls --all --share %s %s", a.Share, inspect.Shell("*"+a.path.Leaf()+"*")))
	}
	return do
}

// fromLive is about what the daemon says.
func (a *asking) fromLive() (do []string) {
	now, r := a.Live, a.rec
	if now.State.Halted() || now.State == "paused" {
		do = append(do, fmt.Sprintf("the share is %s: %s", now.State, now.Reason))
	}
	doomed := r != nil && r.Next == index.Take && r.Ours.Live() && r.Theirs != nil && !r.Theirs.Live()
	if now.Waiting != nil && doomed {
		do = append(do, fmt.Sprintf("the delete may be one of the %d that wait for approval: duet approve %s %s, or duet reject %s %s to put them back on %s",
			now.Waiting.Deletes, a.Share, now.Waiting.ID, a.Share, now.Waiting.ID, a.Peer))
	}
	return do
}
