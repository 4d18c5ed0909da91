package report

import "time"

// didFirst is how many of the paths that a side changed are named, and of the
// largest of them.
const (
	didFirst   = 10
	didLargest = 5
)

// Plan is what a share would do, on both sides, to become identical: what comes
// before its steps. Its ID covers both journals' positions, the rules, and what
// the person wants otherwise: if anything of that changes, so does the ID.
type Plan struct {
	ID          string    `json:"id"`
	Share       string    `json:"share"`
	Made        time.Time `json:"made"`
	Node        string    `json:"node"`
	Peer        string    `json:"peer"`
	Connected   bool      `json:"connected"`
	Held        bool      `json:"held"` // nothing, or not all of it, is done until it is applied
	HeldWhy     string    `json:"held_why,omitempty"`
	Outage      *Outage   `json:"outage,omitempty"`
	ClockSkewMS int64     `json:"clock_skew_ms"` // the peer's clock less ours
	Behind      uint64    `json:"behind"`        // positions that the peer has and we have not heard
	Dirty       int64     `json:"dirty"`         // paths touched here, not yet looked at

	Conflict string     `json:"conflict"` // the rules that it goes by
	Deletes  string     `json:"deletes"`
	Changes  *Orders    `json:"orders,omitempty"`   // what the person wants otherwise
	Pin      Pin        `json:"pin"`                // what the ID covers
	LeftOut  *LeftOut   `json:"left_out,omitempty"` // what an earlier plan left out
	Waiting  *Waiting   `json:"waiting,omitempty"`
	Ours     Did        `json:"ours"`   // what this side did since both agreed
	Theirs   Did        `json:"theirs"` // what the peer did
	Foreseen []Foreseen `json:"withheld,omitempty"`

	PeerGuard bool `json:"peer_max_delete"` // the peer has said what its max_delete is
}

// Orders is what a person wants otherwise than the rules of the share.
type Orders struct {
	Conflict string   `json:"conflict,omitempty"` // a conflict policy, for this plan only
	Deletes  string   `json:"deletes,omitempty"`  // hold
	Paths    []string `json:"paths,omitempty"`    // patterns; what none selects waits
	Choices  []Choice `json:"choices,omitempty"`
}

// Choice is what a person wants one path to be.
type Choice struct {
	Path string `json:"path"` // escaped
	Take string `json:"take"` // ours, theirs, newest, both, skip
}

// Pin is the state that a plan is of.
type Pin struct {
	Epoch     string `json:"epoch"`
	Head      uint64 `json:"head"` // our journal
	PeerEpoch string `json:"peer_epoch"`
	Heard     uint64 `json:"heard"`  // the peer's, as far as we have heard it
	Rules     string `json:"rules"`  // a digest of the share's rules
	Orders    string `json:"orders"` // a digest of what the person wants otherwise
}

// LeftOut is what a person has left out of a plan, and what waits therefore.
type LeftOut struct {
	Plan      string    `json:"plan"`
	On        string    `json:"on"` // the node on which the person was
	Since     time.Time `json:"since"`
	Paths     []string  `json:"paths,omitempty"` // patterns of what does not wait
	Deletes   bool      `json:"deletes,omitempty"`
	Conflicts bool      `json:"conflicts,omitempty"`
	Skipped   int64     `json:"skipped,omitempty"` // paths that were left out one by one
}

// Foreseen is what will wait for approval when the plan is applied.
type Foreseen struct {
	Node    string `json:"node"`            // on which it waits
	Under   string `json:"under,omitempty"` // the directory whose limit it is; of the whole share if empty
	Deletes int64  `json:"deletes"`
	Lately  int64  `json:"lately"` // that were done just before, and count
	Total   int64  `json:"total"`
	Limit   string `json:"limit"`
}

// Did is what one side did since both last agreed.
type Did struct {
	Created int64    `json:"created"` // never synced
	Changed int64    `json:"changed"`
	Touched int64    `json:"touched"`
	Deleted int64    `json:"deleted"`
	Renamed int64    `json:"renamed"`
	Bytes   int64    `json:"bytes"`   // of what was created and changed
	First   []string `json:"first"`   // the first few paths, escaped
	Largest []Sized  `json:"largest"` // of what was created and changed
}

// Sized is a path with its size.
type Sized struct {
	Path string `json:"path"` // escaped
	Size int64  `json:"size"`
}

// DidPath is one path that a side changed.
type DidPath struct {
	Path string `json:"path"` // escaped
	Node string `json:"node"`
	Did  string `json:"did"` // created, changed, touched, deleted, renamed
	Kind string `json:"kind"`
	Size int64  `json:"size"`
	From string `json:"from,omitempty"` // of a rename
}

// Empty reports whether the side did nothing.
func (d *Did) Empty() bool {
	return d.Created+d.Changed+d.Touched+d.Deleted+d.Renamed == 0
}

// Add counts what one side did at a path.
func (d *Did) Add(p DidPath) {
	switch p.Did {
	case "created":
		d.Created++
	case "changed":
		d.Changed++
	case "touched":
		d.Touched++
	case "deleted":
		d.Deleted++
	case "renamed":
		d.Renamed++
	}
	if len(d.First) < didFirst {
		d.First = append(d.First, p.Path)
	}
	if p.Did != "created" && p.Did != "changed" {
		return
	}
	d.Bytes += p.Size
	at := len(d.Largest)
	for at > 0 && d.Largest[at-1].Size < p.Size {
		at--
	}
	if at == didLargest || p.Size == 0 {
		return
	}
	d.Largest = append(d.Largest[:at], append([]Sized{{p.Path, p.Size}}, d.Largest[at:]...)...)
	d.Largest = d.Largest[:min(len(d.Largest), didLargest)]
}

// Totals counts the steps of one side.
type Totals struct {
	Place     int64 `json:"place"`
	Replace   int64 `json:"replace"`
	Delete    int64 `json:"delete"`
	Meta      int64 `json:"meta"`
	Conflicts int64 `json:"conflicts"`
	Bytes     int64 `json:"bytes"`
	Waits     int64 `json:"waits"` // steps that are left out, or wait for something else
}

// Sum is what the steps of a plan come to; it comes after them.
type Sum struct {
	ID    string `json:"id"`
	Done  bool   `json:"done"`
	Steps int64  `json:"steps"` // that are done when it is applied
	Waits int64  `json:"waits"` // that are not
	Here  Totals `json:"here"`  // what will be done on this node
	Peer  Totals `json:"there"` // what will be done on the peer
}

// Empty reports whether there is nothing to do.
func (s *Sum) Empty() bool { return s.Steps == 0 }

// Step is one decision for one path, on one node.
type Step struct {
	Path     string `json:"path"` // escaped
	Node     string `json:"node"` // that acts
	Here     bool   `json:"here"` // it is this one
	Item     string `json:"item"` // in the manner of rsync --itemize-changes
	Do       string `json:"do"`   // place, replace, delete, set metadata, hold
	Kind     string `json:"kind"`
	Size     int64  `json:"size"`
	Rule     string `json:"rule"` // line of the decision table
	Conflict bool   `json:"conflict,omitempty"`
	Take     string `json:"take,omitempty"`  // ours, theirs, both: what a person wants, or the policy of this plan
	By       string `json:"by,omitempty"`    // choice, --conflict
	Waits    string `json:"waits,omitempty"` // why it is not done
	Detail   string `json:"detail,omitempty"`
	Of       string `json:"of,omitempty"`     // escaped: this is the second name of what loses there
	Ours     *Side  `json:"ours,omitempty"`   // of a conflict: what each side has
	Theirs   *Side  `json:"theirs,omitempty"` //
}

// Side is what one node has at a path.
type Side struct {
	Kind   string `json:"kind"` // gone: deleted; none: never there
	Size   int64  `json:"size"`
	MTime  int64  `json:"mtime_ns,omitempty"`
	Mode   string `json:"mode,omitempty"` // octal
	Origin string `json:"origin,omitempty"`
}

// Add counts a step.
func (s *Sum) Add(step *Step) {
	t := &s.Peer
	if step.Here {
		t = &s.Here
	}
	if step.Conflict && step.Of == "" {
		t.Conflicts++
	}
	if step.Waits != "" {
		s.Waits++
		t.Waits++
		return
	}
	s.Steps++
	switch step.Do {
	case "place":
		t.Place++
		t.Bytes += step.Size
	case "replace":
		t.Replace++
		t.Bytes += step.Size
	case "delete":
		t.Delete++
	case "set metadata":
		t.Meta++
	}
}
