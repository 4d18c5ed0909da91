package diff

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"duet/store/index"
)

// Choice is which side of a conflict a person wants.
type Choice struct {
	word string
	node index.NodeID // of a node's name
}

// The choices besides the nodes' names. Ours and Theirs are what this node and
// the peer had when they met, whoever won; Winner is what is there now.
var choiceWords = []string{"ours", "theirs", "newest", "winner", "loser"}

// ParseChoice reads a choice: ours, theirs, newest, winner, loser, or the name
// of one of the nodes.
func ParseChoice(word string, nodes map[string]index.NodeID) (Choice, error) {
	if slices.Contains(choiceWords, word) {
		return Choice{word: word}, nil
	}
	if id, ok := nodes[word]; ok && id != 0 {
		return Choice{word, id}, nil
	}
	names := strings.Join(slices.Sorted(maps.Keys(nodes)), ", ")
	return Choice{}, fmt.Errorf("%q is no side of a conflict: want %s, or a node's name (%s)", word, strings.Join(choiceWords, ", "), names)
}

func (c Choice) String() string { return c.word }

// Dispute is a conflict as a person sees it.
type Dispute struct {
	Ours, Theirs *index.Entry // what this node and the peer had when they met
	Held         bool         // each still has its own
	OursWon      bool         // else: ours is, or was, put in place on both
}

// DisputeOf reads a conflict that was settled, on node self. Whoever keeps the
// loser is the one whose side lost.
func DisputeOf(c *index.Conflict, self index.NodeID) Dispute {
	lost := c.Kept != 0 || c.Loser != nil && c.Winner != nil && c.Loser.Origin == self && c.Winner.Origin != self
	if lost {
		return Dispute{Ours: c.Loser, Theirs: c.Winner}
	}
	return Dispute{Ours: c.Winner, Theirs: c.Loser, OursWon: true}
}

// Ours reports whether c chooses our side, on node self.
func (c Choice) Ours(d Dispute, self index.NodeID) (bool, error) {
	switch c.word {
	case "ours":
		return true, nil
	case "theirs":
		return false, nil
	case "newest":
		return newest(d)
	case "winner", "loser":
		if d.Held {
			return false, fmt.Errorf("nobody has won: each node keeps its own until you choose")
		}
		return d.OursWon == (c.word == "winner"), nil
	}
	return c.node == self, nil
}

// newest compares modification times. Of two that are alike, or where one has
// none, what is in place stays; if nothing is, a person has to say more.
func newest(d Dispute) (bool, error) {
	a, b := d.Ours, d.Theirs
	if a.Live() && b.Live() && a.Kind != index.Dir && b.Kind != index.Dir && a.ModTime != b.ModTime {
		return a.ModTime > b.ModTime, nil
	}
	if d.Held {
		return false, fmt.Errorf("neither is newer: choose ours, theirs or a node's name")
	}
	return d.OursWon, nil
}

// Ruled is what a path becomes when a person wants it to be want, and present is
// what is there (nil: nothing was ever known). theirs is the other side of a
// held conflict, of which want is one side; else it is nil, and this is an edit
// like any other. upto is the version of all that the person looked at:
// conflicts among it are settled. The edit is at position seq of epoch, by node
// self.
func Ruled(want, present, theirs *index.Entry, upto index.Version, self index.NodeID, epoch index.Epoch, seq index.Seq) *index.Entry {
	var out *index.Entry
	switch {
	case theirs == nil:
		out = Edited(present, withOwner(want, present), epoch, seq)
	case index.Same(want, present):
		out = joined(present, theirs)
	default:
		out = joined(theirs, present)
	}
	out.Version = out.Version.Join(upto).With(epoch, seq)
	out.Settled = out.Settled.Join(&index.Settlement{Upto: upto}, out.Version)
	out.Origin = self
	return out
}

// TakenBack is what a path becomes when a person takes back a ruling that made
// before what is now: conflicts that the ruling settled are open again. A held
// conflict can be held again if the peer still has, or has again, its side: the
// new state then claims no knowledge of it, which forget says. To claim less
// than one knows is always safe: it leads to a conflict at worst.
func TakenBack(before, now *index.Entry, forget bool, self index.NodeID, epoch index.Epoch, seq index.Seq) *index.Entry {
	if before == nil {
		before = &index.Entry{Kind: index.Gone}
	}
	var out *index.Entry
	if forget {
		e := *before
		e.Version = e.Version.With(epoch, seq)
		out = &e
	} else {
		out = Edited(now, withOwner(before, now), epoch, seq)
	}
	// That nothing is settled is not the same as that nothing is said of it.
	out.Settled = (&index.Settlement{}).Join(before.Settled, out.Version)
	out.Origin = self
	return out
}

// Newest reports which of two sides that nobody has settled has the later
// modification time: ours if true.
func Newest(ours, theirs *index.Entry) (bool, error) {
	return newest(Dispute{Ours: ours, Theirs: theirs, Held: true})
}
