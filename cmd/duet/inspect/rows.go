// Package inspect answers questions about a share's index: what it holds, how
// it came to be, whether it is sound. A question is the same function over a
// transaction whether the daemon runs it or the command itself does, and its
// answer is the same JSON lines, which Print turns into text for people.
//
// In every row paths, link targets and owners are escaped as by index.Quote, times are nanoseconds
// since 1970, sizes are bytes. Rows gain keys, but never lose or change one.
package inspect

import (
	"fmt"

	"duet/store"
	"duet/store/index"
)

// Names turns node and epoch numbers into names for people.
type Names struct {
	Self, Peer string
	meta       store.Meta
}

func (n Names) node(id index.NodeID) string {
	switch {
	case id == 0:
		return ""
	case id == n.meta.Node && n.Self != "":
		return n.Self
	case id == n.meta.Peer && n.Peer != "":
		return n.Peer
	}
	return id.String()
}

func (n Names) epoch(e index.Epoch) string {
	switch {
	case e == n.meta.Epoch && n.Self != "":
		return n.Self
	case e == n.meta.PeerEpoch && n.Peer != "":
		return n.Peer
	}
	return "" // an earlier life of one of the two
}

// Entry is an index.Entry in a row.
type Entry struct {
	Kind    string    `json:"kind"` // file, directory, symlink, gone
	Size    int64     `json:"size"`
	ModTime int64     `json:"mtime_ns"`
	Mode    string    `json:"mode,omitempty"`  // octal
	Owner   string    `json:"owner,omitempty"` // escaped: the peer may say anything
	Group   string    `json:"group,omitempty"` // escaped
	Hash    string    `json:"hash,omitempty"`
	Target  string    `json:"target,omitempty"` // escaped
	Origin  string    `json:"origin,omitempty"` // whose edit this is
	Version []Counter `json:"version,omitempty"`
	Over    []Counter `json:"over,omitempty"`  // the version that it beat in a conflict
	Apart   bool      `json:"apart,omitempty"` // deleted while the nodes were apart
}

// Counter is one component of a version. Node is empty for an epoch that
// neither node lives in any more.
type Counter struct {
	Node  string `json:"node,omitempty"`
	Epoch string `json:"epoch"`
	Seq   uint64 `json:"seq"`
}

func (n Names) entry(e *index.Entry) *Entry {
	if e == nil {
		return nil
	}
	out := &Entry{
		Kind: e.Kind.String(), Size: e.Size, ModTime: e.ModTime, Owner: index.Quote(e.Owner), Group: index.Quote(e.Group),
		Origin: n.node(e.Origin), Version: n.version(e.Version), Over: n.version(e.Over), Apart: e.Apart,
	}
	if e.Kind == index.File || e.Kind == index.Dir {
		out.Mode = fmt.Sprintf("%04o", e.Mode)
	}
	if e.Kind == index.File {
		out.Hash = e.Hash.String()
	}
	if e.Kind == index.Symlink {
		out.Target = index.Quote(e.Target)
	}
	return out
}

func (n Names) version(v index.Version) []Counter {
	var out []Counter
	for _, c := range v {
		out = append(out, Counter{n.epoch(c.Epoch), c.Epoch.String(), uint64(c.Seq)})
	}
	return out
}

// Entry is e in a row, nil for nil.
func (n Names) Entry(e *index.Entry) *Entry { return n.entry(e) }

// Event is e in a row.
func (n Names) Event(share string, e index.Event) Event { return n.event(share, e) }

// Kept is k in a row.
func (n Names) Kept(share string, k index.Kept) Kept { return n.kept(share, k) }

// Conflict is c in a row.
func (n Names) Conflict(share string, c index.Conflict) Conflict { return n.conflict(share, c) }

// Node is the name of a node.
func (n Names) Node(id index.NodeID) string { return n.node(id) }

// Stamp is an index.Stamp in a row.
type Stamp struct {
	Ino     uint64 `json:"ino"`
	Size    int64  `json:"size"`
	ModTime int64  `json:"mtime_ns"`
	Ctime   int64  `json:"ctime_ns"`
	Mode    string `json:"mode"`
	UID     uint32 `json:"uid"`
	GID     uint32 `json:"gid"`
}

// Record is everything that the index holds of one path: a row of show.
type Record struct {
	Share  string `json:"share"`
	Path   string `json:"path"`
	Ours   *Entry `json:"ours"`   // null: only heard of from the peer
	Base   *Entry `json:"base"`   // null: never agreed
	Theirs *Entry `json:"theirs"` // null: never heard
	Stamp  *Stamp `json:"stamp,omitempty"`
	Pos    uint64 `json:"pos"`   // journal position that last carried ours
	Heard  uint64 `json:"heard"` // the peer's position that carried theirs
	Next   string `json:"next"`  // nothing, take, wait, held
	Agreed bool   `json:"agreed"`
}

func (n Names) record(share string, r *index.Record) Record {
	row := Record{
		Share: share, Path: r.Path.String(), Ours: n.entry(r.Ours), Base: n.entry(r.Base), Theirs: n.entry(r.Theirs),
		Pos: uint64(r.Pos), Heard: uint64(r.Heard), Next: r.Next.String(), Agreed: r.Agreed(),
	}
	if s := r.Stamp; s != (index.Stamp{}) {
		row.Stamp = &Stamp{s.Ino, s.Size, s.ModTime, s.Ctime, fmt.Sprintf("%06o", s.Mode), s.UID, s.GID}
	}
	return row
}

// Listed is a row of ls.
type Listed struct {
	Share string `json:"share"`
	Path  string `json:"path"`
	Entry        // ours; if there is none here yet, the peer's
	Pos   uint64 `json:"pos"`
	Next  string `json:"next"`
}

// Event is a row of history.
type Event struct {
	Share string `json:"share"`
	Pos   uint64 `json:"pos"`
	Path  string `json:"path"`
	What  string `json:"what"`
	How   string `json:"how"`
	Node  string `json:"node"`
	Time  int64  `json:"time_ns"`
	From  string `json:"from,omitempty"` // moved from there
	To    string `json:"to,omitempty"`   // moved there
	Entry *Entry `json:"entry,omitempty"`
	Rule  string `json:"rule,omitempty"` // line of the decision table
	Note  string `json:"note,omitempty"`

	// Of an edit of the peer's: how and when the peer noticed it, by its clock.
	SeenHow  string `json:"seen_how,omitempty"`
	SeenTime int64  `json:"seen_ns,omitempty"`
}

func (n Names) event(share string, e index.Event) Event {
	row := Event{Share: share, Pos: uint64(e.Pos), Path: e.Path.String(), What: e.What.String(), How: e.How.String(),
		Node: n.node(e.Node), Time: e.Time, Entry: n.entry(e.Entry), Rule: e.Rule, Note: e.Note}
	if e.From != index.Root {
		row.From = e.From.String()
	}
	if e.To != index.Root {
		row.To = e.To.String()
	}
	if e.Seen.How != 0 {
		row.SeenHow, row.SeenTime = e.Seen.How.String(), e.Seen.Time
	}
	return row
}

// Tombstone is a row of tombstones.
type Tombstone struct {
	Share string `json:"share"`
	Path  string `json:"path"`
	By    string `json:"by"`
	Time  int64  `json:"time_ns"` // 0: no longer in the journal
	Apart bool   `json:"apart"`
	Next  string `json:"next"`
	Pos   uint64 `json:"pos"`
	Known bool   `json:"known"` // the peer has heard of it

	Agreed bool   `json:"agreed"`         // the peer has deleted it, too
	How    string `json:"how,omitempty"`  // how it was noticed, by the node that deleted it
	Rule   string `json:"rule,omitempty"` // by which this node followed
	To     string `json:"to,omitempty"`   // moved there
}

// Kept is a row of kept.
type Kept struct {
	Share  string `json:"share"`
	ID     uint64 `json:"id"`
	Path   string `json:"path"`
	Reason string `json:"reason"` // overwritten, deleted, conflict, raced, found, resolved
	By     string `json:"by"`     // whose change displaced it
	Time   int64  `json:"time_ns"`
	Entry  *Entry `json:"entry"`
	Held   string `json:"held"` // its name in the holding area
}

func (n Names) kept(share string, k index.Kept) Kept {
	return Kept{share, k.ID, k.Path.String(), k.Reason.String(), n.node(k.By), k.Time, n.entry(k.Entry), k.Held}
}

// Stats is a row of stats: one for each share.
type Stats struct {
	Share      string `json:"share"`
	File       string `json:"file"`
	FileBytes  int64  `json:"file_bytes"`
	Format     uint32 `json:"format"`
	Node       string `json:"node"`
	Epoch      string `json:"epoch"`
	Head       uint64 `json:"head"`  // last journal position
	Acked      uint64 `json:"acked"` // how far the peer has heard us
	PeerEpoch  string `json:"peer_epoch,omitempty"`
	Heard      uint64 `json:"heard"` // how far we have heard the peer
	Records    int64  `json:"records"`
	Files      int64  `json:"files"`
	Dirs       int64  `json:"dirs"`
	Links      int64  `json:"links"`
	Bytes      int64  `json:"bytes"`
	Tombstones int64  `json:"tombstones"`
	Take       int64  `json:"pending_in"`
	Wait       int64  `json:"pending_out"`
	Held       int64  `json:"held"`
	Ignored    int64  `json:"ignored"` // left alone, because one of the nodes ignores them
	Conflicts  int64  `json:"conflicts"`
	Kept       int64  `json:"kept"`
	KeptBytes  int64  `json:"kept_bytes"`
	Intents    int64  `json:"intents"`
	Events     int64  `json:"events"` // of the journal
	EventBytes int64  `json:"event_bytes"`
	First      int64  `json:"first_event_ns"` // its oldest and newest; 0: none
	Last       int64  `json:"last_event_ns"`
	FreeBytes  int64  `json:"free_bytes"`     // of the file, to be used again
	PerPath    int64  `json:"bytes_per_path"` // of the file, for each record
	Connected  int64  `json:"connected_ns"`   // the last session began
	Parted     int64  `json:"parted_ns"`      // the last session ended
	PartedWhy  string `json:"parted_why,omitempty"`
	Clean      bool   `json:"clean"` // the last stop was orderly
	Paused     bool   `json:"paused,omitempty"`
	Halt       string `json:"halt,omitempty"`
}

// Checked is a row of check: a broken invariant, or, last, that it is done.
type Checked struct {
	Share  string `json:"share"`
	Broken string `json:"broken,omitempty"`
	Done   bool   `json:"done,omitempty"`
	Count  int    `json:"count"` // with Done: how many are broken
}
