// Package ruling carries out what a person decides about conflicts: which side
// a path is to be, of a conflict that is held as of one that a rule settled long
// ago; and taking that back.
//
// What a person settles is an edit of this node that has seen both sides, with
// the mark that says so (index.Settlement). The peer decides from the two
// entries, as ever: nobody tells it what to do, and nothing has to arrive but
// the entry. The content may be here already, among the kept versions, or is
// asked from the peer by its hash; what was there is kept in turn.
//
// An order goes path by path: each is whole or not begun, whatever interrupts
// it. Before a path is touched it is written down what it was; so the order can
// be taken back, as far as nobody has changed the paths since.
package ruling

import (
	"slices"
	"strings"

	"duet/diff"
	"duet/store/index"
)

// Order is what a person wants.
type Order struct {
	Match  func(index.Path) bool // nil: all paths
	Take   diff.Choice
	Force  bool // also where a directory with something in it gives way
	DryRun bool
}

// What became of a path.
const (
	DidKeep    = "kept"     // what was there stays
	DidReplace = "replaced" // something else is there now; what was is kept
	DidSkip    = "skipped"  // nothing was done, and Detail says why
	DidFail    = "failed"
)

// Item is one path of a Result.
type Item struct {
	Path   string `json:"path"` // escaped
	Did    string `json:"did"`
	Took   string `json:"took,omitempty"` // name of the node whose side it is
	Held   bool   `json:"held,omitempty"` // the conflict waited for a person
	Detail string `json:"detail,omitempty"`
}

// Result is what became of an order, or what would.
type Result struct {
	Share    string `json:"share"`
	Ruling   uint64 `json:"ruling,omitempty"` // the number by which it is taken back; 0: nothing was settled
	DryRun   bool   `json:"dry_run,omitempty"`
	Kept     int64  `json:"kept"`     // paths where what was there stays
	Replaced int64  `json:"replaced"` // paths where something else is there now
	Skipped  int64  `json:"skipped"`
	Failed   int64  `json:"failed"`
	Away     int64  `json:"away,omitempty"` // of those skipped: only the peer has the content, and it is not connected
	Items    []Item `json:"items"`
	More     int64  `json:"more,omitempty"` // items that are not listed
}

// Sort puts the items in the order of their paths.
func (r *Result) Sort() {
	slices.SortFunc(r.Items, func(a, b Item) int { return strings.Compare(a.Path, b.Path) })
}

// maxItems bounds what a Result lists.
const maxItems = 10_000

// Add counts an item, and lists it if there is room.
func (r *Result) Add(it Item) {
	switch it.Did {
	case DidKeep:
		r.Kept++
	case DidReplace:
		r.Replaced++
	case DidSkip:
		r.Skipped++
	default:
		r.Failed++
	}
	if len(r.Items) == maxItems {
		r.More++
		return
	}
	r.Items = append(r.Items, it)
}
