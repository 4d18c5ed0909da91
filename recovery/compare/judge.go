package compare

import "duet/store/index"

// Letter says in one character how the two nodes differ at a path.
type Letter byte

// The letters.
const (
	Same      Letter = '='
	Differs   Letter = 'X' // both have something, and not the same
	Here      Letter = 'L' // only this node has it; the other never heard of it
	There     Letter = 'R' // only the other node has it
	Tombstone Letter = 'T' // one has it, the other knows that it was deleted
)

func (l Letter) String() string { return string(l) }

// State says why the two nodes differ at a path, and who is going to change that.
type State string

// The states. All but Drift pass by themselves, or when a person has decided.
const (
	Equal  State = "equal"
	ToDo   State = "here"   // this node has yet to act
	ToCome State = "there"  // the other node has yet to act
	Waits  State = "held"   // for a person
	Moving State = "moving" // one of the two has not heard of the other's state yet
	// Drift is that each node is content with what it has, and takes it for what
	// the other has. Nothing will change that by itself.
	Drift State = "drift"
)

// Difference is one path, and what each of the nodes has there. A nil entry is
// "never heard of".
type Difference struct {
	Path         index.Path
	Letter       Letter
	State        State
	Ours, Theirs *index.Entry
	Heard        index.Seq // the other node's journal position that carries Theirs
}

// letter compares two entries, of which at least one is live.
func letter(ours, theirs *index.Entry) Letter {
	switch {
	case ours.Live() && theirs.Live():
		if index.Same(ours, theirs) {
			return Same
		}
		return Differs
	case ours.Live() && theirs == nil:
		return Here
	case theirs.Live() && ours == nil:
		return There
	}
	return Tombstone
}

// judge says how one path is. mine was read when this node was at here, theirs
// later, when the other node was at there; either is nil if it has no record.
// ok is false if there is nothing on either side.
//
// Reading mine first is what makes Drift certain: what the other node did
// between the two is at positions that this node had not heard then.
func judge(mine *Item, here At, theirs *Item, there At) (d Difference, ok bool) {
	none := Item{}
	if mine == nil {
		mine = &none
	}
	if theirs == nil {
		theirs = &none
	}
	d = Difference{Path: mine.Path, Ours: mine.Entry, Theirs: theirs.Entry, Heard: theirs.Pos}
	if d.Path == index.Root {
		d.Path = theirs.Path
	}
	if !d.Ours.Live() && !d.Theirs.Live() {
		return d, false
	}
	d.Letter = letter(d.Ours, d.Theirs)
	switch {
	case d.Letter == Same:
		d.State = Equal
	case mine.Next == index.Held || theirs.Next == index.Held:
		d.State = Waits
	case theirs.Pos > here.Heard || mine.Pos > there.Heard:
		d.State = Moving
	case mine.Next == index.Take:
		d.State = ToDo
	case mine.Next == index.Wait || theirs.Next == index.Take:
		d.State = ToCome
	default:
		d.State = Drift
	}
	return d, true
}
