package index

// Next says who has to move before the two nodes agree on a path.
type Next uint8

const (
	Nothing Next = iota // agreed, or nothing known of the peer yet to act on
	Take                // this node has to act
	Wait                // the peer has to act
	Held                // a person has to decide
	Left                // one of the nodes ignores the path: left alone on both
)

func (n Next) String() string { return [...]string{"nothing", "take", "wait", "held", "left"}[n] }

// Record is all that the index holds of one path. In a synced path Base and
// Theirs are the same *Entry as Ours, or equal to it, and take no room on disk.
type Record struct {
	Path   Path
	Ours   *Entry // the state here; nil: only heard of from the peer
	Base   *Entry // what both last agreed on; nil: never agreed
	Theirs *Entry // the peer's state as last heard; nil: never heard
	Stamp  Stamp  // of what Ours describes; zero when nothing is there
	Pos    Seq    // journal position that last carried Ours; 0 if Ours is nil
	Heard  Seq    // the peer's journal position that carried Theirs; 0 if none
	Next   Next

	// Noticed is how the edit that Theirs is was noticed by the node whose edit
	// it is. It is dropped when both agree: by then an event has it.
	Noticed Sighting
}

// Agreed reports whether both nodes are known to have the same. An equal version
// alone does not say so: each node may have settled a race against an older
// state of the other, see diff's line settled-twice.
func (r *Record) Agreed() bool {
	return r.Ours != nil && r.Theirs != nil &&
		r.Ours.Version.Compare(r.Theirs.Version) == Equal && Same(r.Ours, r.Theirs)
}

// SeenOf is what is known of how the edit that e is, and that is about to be
// Ours, was noticed by the peer: nothing, unless it is what was heard.
func (r *Record) SeenOf(e *Entry) Sighting {
	if e == nil || r.Theirs == nil || e.Origin != r.Theirs.Origin || !SameContent(e, r.Theirs) {
		return Sighting{}
	}
	return r.Noticed
}

// What is what an Event says happened to a path.
type What uint8

// What can happen to a path.
const (
	Created   What = iota + 1 // own edit: new here
	Changed                   // own edit: content
	Touched                   // own edit: metadata only
	Deleted                   // own edit
	Adopted                   // the peer's state was taken over
	Merged                    // both sides had the same; versions were joined
	Settled                   // a conflict was settled, see Event.Rule
	Revived                   // kept alive against a delete
	Restored                  // brought back by a person from a kept version
	Withheld                  // deletes wait for approval
	Forgotten                 // index lost or rolled back: a new epoch began
	Pruned                    // a kept version of it was removed for good, see Event.Note
	Parked                    // a conflict waits for a person
	Resolved                  // a person settled a conflict
	Approved                  // a person let deletes happen that waited; of the whole share
	Rejected                  // a person refused them
	Paused                    // a person stopped the share from writing
	Resumed                   // and let it go on
	Applied                   // a person let a held share go on
	Accepted                  // a person took another directory for the share's root
	Halted                    // the share stopped writing until a person has looked
	Damaged                   // its content is not what it was, and nobody edited it, see Event.Note
	Repaired                  // damaged content was replaced by what it was
	Verified                  // the tree was compared with the index; of the whole share

	lastWhat = Verified
)

// OfShare reports whether w may be said of a whole share, with Root as its path.
func (w What) OfShare() bool {
	switch w {
	case Withheld, Forgotten, Approved, Rejected, Paused, Resumed, Applied, Accepted, Halted, Verified:
		return true
	}
	return false
}

func (w What) String() string {
	names := [...]string{"created", "changed", "touched", "deleted", "adopted", "merged",
		"settled", "revived", "restored", "withheld", "forgotten", "pruned",
		"parked", "resolved", "approved", "rejected", "paused", "resumed", "applied", "accepted", "halted",
		"damaged", "repaired", "verified"}
	if w < 1 || int(w) > len(names) {
		return "unknown"
	}
	return names[w-1]
}

// How is how an Event was noticed.
type How uint8

// How a change can be noticed.
const (
	ByWatch    How = iota + 1 // the kernel reported it
	ByScan                    // found by the scan at start
	ByRescan                  // found by a later scan
	ByPeer                    // the peer announced it
	ByRecovery                // found when an interrupted install was replayed
	ByUser                    // a command
	ByRule                    // a rule of the configuration that works by itself, such as `keep`
)

func (h How) String() string {
	names := [...]string{"watch", "scan", "rescan", "peer", "recovery", "user", "rule"}
	if h < 1 || int(h) > len(names) {
		return "unknown"
	}
	return names[h-1]
}

// Event is one line of the journal.
type Event struct {
	Pos   Seq
	Path  Path
	What  What
	How   How
	Node  NodeID // whose edit it was
	Time  int64  // ns since 1970, this node's clock
	From  Path   // moved from there; "" if not
	To    Path   // moved there; "" if not, or if that is not known
	Entry *Entry // the state after
	Rule  string // the line of the decision table; "" if nothing was to be decided
	Note  string // for people: what is not in the other fields

	// Seen is, of an edit of the peer's, how the peer noticed it.
	Seen Sighting
}

// SetSeen says how the peer noticed the edit that e is about.
func (e *Event) SetSeen(s Sighting) {
	switch {
	case s.Other == e.Path:
	case e.Entry.Live() && e.From == Root:
		e.From = s.Other
	case !e.Entry.Live() && e.To == Root:
		e.To = s.Other
	}
	s.Other = Root
	e.Seen = s
}

// Verb is one of the ways in which a tree, or what was displaced from it, is
// changed.
type Verb uint8

// The five verbs of a tree, and the one of the holding area.
const (
	Place   Verb = iota + 1 // something new, where nothing is
	Swap                    // exchange with what is there
	Move                    // own path to own path
	Shelve                  // away to the holding area
	SetMeta                 // metadata in place

	// Expire is no verb of a tree: a kept version is removed for good.
	Expire
)

func (v Verb) String() string {
	names := [...]string{"place", "swap", "move", "shelve", "set metadata", "expire"}
	if v < 1 || int(v) > len(names) {
		return "unknown"
	}
	return names[v-1]
}

// Intent is the note "about to do this", committed before the tree is touched.
// After a crash, inode numbers tell whether it was done.
type Intent struct {
	ID     uint64
	Verb   Verb
	Path   Path
	From   Path   // Move: the source
	Held   string // Place, Swap: the staged name; Shelve: the name it gets in the holding area; Expire: its name there
	Ino    uint64 // Place, Swap: of what is staged; Move: of what is moved; Expire: of what goes
	Expect Stamp  // Swap, Shelve, SetMeta, Move (of From): what is there before; zero: nothing
	Entry  *Entry // ours once it is done
	Reason Reason // of the kept version, for Swap and Shelve
	Rule   string // the line of the decision table
}

// Reason is why something was displaced.
type Reason uint8

// Why something was displaced.
const (
	Overwritten  Reason = iota + 1 // the peer's newer version took its place
	Removed                        // the peer deleted it
	LostConflict                   // both changed it, the other won
	Raced                          // it appeared in the instant of an install
	Found                          // found in the holding area without a record
	Overruled                      // a person chose something else for its path
	Corrupt                        // its content was damaged, and what it was took its place

	lastReason = Corrupt
)

func (r Reason) String() string {
	names := [...]string{"overwritten", "deleted", "conflict", "raced", "found", "resolved", "corrupt"}
	if r < 1 || int(r) > len(names) {
		return "unknown"
	}
	return names[r-1]
}

// Kept is a displaced version, restorable.
type Kept struct {
	ID     uint64
	Path   Path
	Entry  *Entry // what it was
	Reason Reason
	By     NodeID // whose change displaced it
	Time   int64  // ns since 1970
	Held   string // its name in the holding area; "" for an empty directory, which needs none
}

// Conflict is a conflict that a policy settled, or that waits for a person.
type Conflict struct {
	ID     uint64
	Path   Path
	Time   int64  // ns since 1970
	Winner *Entry // nil while it is held
	Loser  *Entry
	Rule   string // the line of the decision table
	Kept   uint64 // Kept.ID of the loser; 0: it is kept on the peer

	Closed bool     // a person has settled it: kept up by the store, see Entry.Settled
	Seen   Sighting // how the peer noticed its side, if that lost
}

// Identity tells a share's root from another directory at the same path.
type Identity struct {
	Dev  uint64 // st_dev; may change with a reboot
	Fsid uint64 // statfs f_fsid; survives a reboot on most filesystems
	Ino  uint64
}

// Same reports whether i and j are one directory.
func (i Identity) Same(j Identity) bool {
	return i.Ino == j.Ino && (i.Dev == j.Dev || i.Fsid == j.Fsid && i.Fsid != 0)
}

// Run marks where in the journal a process began to write. A node restored
// from a snapshot has another Run at the same position, and so is found out.
type Run struct {
	From Seq // its positions are greater than From
	ID   uint64
}

// RunAt returns the run that wrote a position.
func RunAt(runs []Run, pos Seq) uint64 {
	var id uint64
	for _, r := range runs {
		if r.From >= pos {
			break
		}
		id = r.ID
	}
	return id
}
