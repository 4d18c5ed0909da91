package diff

import (
	"fmt"

	"duet/store/index"
)

// Act is what this node does about a path.
type Act uint8

// The acts. Each one but Nothing, Wait and Hold ends in a journalled entry,
// Verdict.Entry, which the peer then hears of.
const (
	Nothing  Act = iota // agreed, or nothing known
	Agree               // both have the same: only the version changes here
	Take                // install the peer's state; what was here is kept as overwritten or deleted
	TakeOver            // the same after a lost conflict; what was here is kept as the loser
	Wait                // the peer acts
	Win                 // ours stays and takes on the joined version
	Revive              // ours stays, against a delete: the joined version, and an own counter that the caller adds
	Hold                // a person decides
)

func (a Act) String() string {
	names := [...]string{"nothing", "agree", "take", "take over", "wait", "win", "revive", "hold"}
	if int(a) >= len(names) {
		return fmt.Sprintf("act(%d)", uint8(a))
	}
	return names[a]
}

// Verdict is what is to be done about one path, and why.
type Verdict struct {
	Act  Act
	Line string // the line of the decision table, see Explain

	// Entry is what ours must become; nil if Act changes nothing here. For
	// Revive the caller adds its own counter to the version.
	Entry *index.Entry

	// Conflict says that something which the winner's author never saw loses
	// (or is held): it is to be listed for people.
	Conflict bool
}

// Removes reports whether v is to delete what is here. That may be the loser
// of a conflict, when its winner was deleted before it got here.
func (v Verdict) Removes() bool {
	return (v.Act == Take || v.Act == TakeOver) && v.Entry.Kind == index.Gone
}

// Next says who has to move, for the record of the path.
func Next(v Verdict) index.Next {
	switch v.Act {
	case Nothing:
		return index.Nothing
	case Wait:
		return index.Wait
	case Hold:
		return index.Held
	default:
		return index.Take
	}
}
