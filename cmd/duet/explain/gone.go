package explain

import (
	"fmt"

	"duet/cmd/duet/inspect"
	"duet/store/index"
)

// Gone says how a path came to be not there.
type Gone struct {
	By           string   `json:"by"`             // name of the node on which it was deleted; "": not known
	Time         int64    `json:"time_ns"`        // when that node noticed, by its clock; 0: not known
	How          string   `json:"how,omitempty"`  // how it noticed: watch, scan, rescan, …
	Here         int64    `json:"here_ns"`        // when it was deleted here, by this node's clock
	Rule         string   `json:"rule,omitempty"` // by which this node followed
	To           string   `json:"to,omitempty"`   // it was renamed to that
	Apart        bool     `json:"apart"`          // while the nodes were apart
	Acknowledged bool     `json:"acknowledged"`   // the peer has said that it heard of it
	State        string   `json:"state"`          // the same in words
	Kept         uint64   `json:"kept"`           // id of the kept version here; 0: none
	Restore      []string `json:"restore"`        // how to get it back: commands, with where to run them
}

// gone explains a path that is not here any more.
func (a *asking) gone() error {
	ev := a.lastDelete()
	deleted := a.rec != nil && a.rec.Ours != nil && a.rec.Ours.Kind == index.Gone
	if a.rec != nil && a.rec.Ours.Live() || ev == nil && !deleted && len(a.out.Kept) == 0 {
		return nil
	}
	g := &Gone{Restore: []string{}}
	a.out.Gone = g
	if ev != nil {
		g.By, g.Time, g.How, g.Here, g.Rule = a.names.Node(ev.Node), ev.Time, ev.How.String(), ev.Time, ev.Rule
		if ev.Seen.How != 0 {
			g.Time, g.How = ev.Seen.Time, ev.Seen.How.String()
		} else if ev.Node != a.meta.Node {
			g.Time, g.How = 0, "" // the peer did not say
		}
		if ev.To != index.Root {
			g.To = ev.To.String()
		}
		g.Apart = ev.Entry != nil && ev.Entry.Apart
	} else if deleted {
		g.By, g.Apart = a.names.Node(a.rec.Ours.Origin), a.rec.Ours.Apart
	}
	g.Acknowledged, g.State = a.acknowledged(ev)
	a.restore(g, ev)
	return nil
}

// lastDelete is the newest event that left nothing at the path.
func (a *asking) lastDelete() *index.Event {
	for i := range a.trail {
		ev := &a.trail[i]
		if ev.Path == a.path && ev.Entry != nil {
			if ev.Entry.Kind == index.Gone {
				return ev
			}
			return nil // it has been there since
		}
	}
	return nil
}

// acknowledged says what became of the tombstone.
func (a *asking) acknowledged(ev *index.Event) (bool, string) {
	r := a.rec
	switch {
	case r == nil && ev == nil:
		return false, "when and by whom is not in the journal any more"
	case r == nil && a.forgotten(ev.Pos):
		return false, fmt.Sprintf("the index here began anew after that, and deletes are forgotten then: if %s still has it, it comes back", a.Peer)
	case r == nil:
		return true, fmt.Sprintf("%s has confirmed that it is gone there too; the delete is done, and nothing remembers it but the journal", a.Peer)
	case r.Theirs.Live() && r.Next == index.Take:
		return false, fmt.Sprintf("%s has it, and it is about to come back", a.Peer)
	case r.Agreed() && r.Pos <= a.meta.Acked:
		return true, fmt.Sprintf("%s has confirmed that it is gone there too", a.Peer)
	case r.Agreed():
		return false, fmt.Sprintf("it is gone on both; %s has yet to say that it heard so", a.Peer)
	case r.Next == index.Left:
		return false, "it is left alone on both, because one of the nodes ignores it"
	case r.Pos <= a.meta.Acked:
		return false, fmt.Sprintf("%s has heard of the delete, and has yet to follow", a.Peer)
	}
	return false, fmt.Sprintf("%s has not heard of the delete yet: it is told as soon as the two are connected", a.Peer)
}

// forgotten reports whether the index began anew behind a position.
func (a *asking) forgotten(pos index.Seq) bool {
	for ev, err := range a.tx.History(index.Root) {
		if err != nil || ev.Pos < pos {
			return false
		}
		if ev.What == index.Forgotten {
			return true
		}
	}
	return false
}

// restore says how to get it back. What a delete removes is kept by the node
// that followed it, not by the one on which somebody deleted it.
func (a *asking) restore(g *Gone, ev *index.Event) {
	if g.To != "" {
		g.Restore = append(g.Restore, fmt.Sprintf("it was renamed to %s: duet explain --share %s %s", g.To, a.Share, inspect.Shell(g.To)))
	}
	if len(a.out.Kept) > 0 {
		k := a.out.Kept[0]
		g.Kept = k.ID
		g.Restore = append(g.Restore, fmt.Sprintf("on %s: duet kept restore %d --share %s", a.Self, k.ID, a.Share))
		return
	}
	if pruned := a.pruned(); pruned != nil {
		g.Restore = append(g.Restore, fmt.Sprintf("the kept version here was pruned at %s: %s", inspect.When(pruned.Time), pruned.Note))
	}
	if ev != nil && ev.Node != a.meta.Node && g.By != "" {
		return // the peer's own delete keeps nothing there
	}
	switch r := a.rec; {
	case r != nil && r.Theirs.Live():
		g.Restore = append(g.Restore, fmt.Sprintf("%s still has it: copy it from there", a.Peer))
	case r != nil && r.Theirs == nil && r.Base == nil:
		g.Restore = append(g.Restore, fmt.Sprintf("it had not reached %s: nothing of it was kept", a.Peer))
	default:
		g.Restore = append(g.Restore, fmt.Sprintf("on %s, which followed: duet kept restore --reason deleted --path %s", a.Peer, inspect.Shell(a.Share+":"+a.out.Path)))
	}
}

// pruned is the last event that says so.
func (a *asking) pruned() *index.Event {
	for i := range a.trail {
		if ev := &a.trail[i]; ev.Path == a.path && ev.What == index.Pruned {
			return ev
		}
	}
	return nil
}
