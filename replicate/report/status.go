// Package report is what a share says of itself to people: how it is, what is
// in the way, what waits for approval, and what it would do. It is values
// alone, with the names that they have in JSON, which scripts rely on; whoever
// prints them imports nothing else of a share.
package report

import (
	"fmt"
	"slices"
	"time"
)

// State is the one word that says how a share is.
type State string

// The states of a share.
const (
	Starting        State = "starting"
	Connecting      State = "connecting"
	Disconnected    State = "disconnected"
	Scanning        State = "scanning"
	Watching        State = "watching" // in sync, waiting for changes
	Reconciling     State = "reconciling"
	Staging         State = "staging"
	Applying        State = "applying"
	Paused          State = "paused"
	Degraded        State = "degraded" // works, but some paths do not: see Problems
	WaitingApproval State = "waiting-approval"
	RootMissing     State = "halted-on-root-missing"
	RootReplaced    State = "halted-on-root-replaced"
	IndexError      State = "halted-on-index-error"
	Failed          State = "error"
)

// Halted reports whether a person has to look before the share goes on.
func (s State) Halted() bool {
	return s == RootMissing || s == RootReplaced || s == IndexError || s == Failed
}

// Status is what a share says of itself. It is a copy: nobody changes it.
type Status struct {
	Name   string `json:"name"`
	State  State  `json:"state"`
	Reason string `json:"reason,omitempty"` // why, and what to do

	Root          string `json:"root"`
	Holding       string `json:"holding,omitempty"`
	HoldingInside bool   `json:"holding_inside,omitempty"`

	Connected   bool      `json:"connected"`
	Since       time.Time `json:"since,omitzero"` // of the present Connected
	LastError   string    `json:"last_error,omitempty"`
	ClockSkewMS int64     `json:"clock_skew_ms"` // the peer's clock less ours

	Files  int64  `json:"files"`
	Dirs   int64  `json:"dirs"`
	Links  int64  `json:"links"`
	Bytes  int64  `json:"bytes"`
	Epoch  string `json:"epoch,omitempty"`
	Head   uint64 `json:"head"`   // last position of our journal
	Heard  uint64 `json:"heard"`  // how far we heard the peer's
	Acked  uint64 `json:"acked"`  // how far the peer heard ours
	Behind uint64 `json:"behind"` // positions that the peer has and we have not heard

	PendingIn  int64  `json:"pending_in"`  // paths on which this node has to act
	PendingOut int64  `json:"pending_out"` // paths on which the peer has to act
	Dirty      int64  `json:"dirty"`       // paths touched, not yet looked at
	Conflicts  int64  `json:"conflicts"`   // settled or held, not yet dismissed
	Held       int64  `json:"held"`        // conflicts that wait for a person
	Ignored    int64  `json:"ignored"`     // paths left alone because one of the nodes ignores them
	Kept       int64  `json:"kept"`
	KeptBytes  int64  `json:"kept_bytes"`
	Space      string `json:"space,omitempty"` // too little is free, and nothing is left to prune
	Skipped    int64  `json:"skipped"`         // FIFOs, sockets, devices, mount points

	Problems []Problem `json:"problems"`
	Waiting  *Waiting  `json:"waiting,omitempty"`
	Progress *Progress `json:"progress,omitempty"`

	Stuck     *Stuck `json:"stuck,omitempty"`      // all that can be done is done; what is left waits for a person
	PeerStuck *Stuck `json:"peer_stuck,omitempty"` // the same of the peer

	Verify *Verify `json:"verify,omitempty"`

	LagMS    float64 `json:"lag_ms"`     // of the last own change: noticed here until confirmed by the peer
	MaxLagMS float64 `json:"max_lag_ms"` // largest of the last hundred

	Outage  *Outage  `json:"outage,omitempty"`   // the last time apart
	LeftOut *LeftOut `json:"left_out,omitempty"` // what a person left out of a plan, and what waits therefore
}

// InSync reports whether the share has nothing left to do on either side, as
// far as this node knows.
func (s Status) InSync() bool {
	return s.Connected && s.State == Watching && s.PendingIn == 0 && s.PendingOut == 0 &&
		s.Dirty == 0 && s.Behind == 0 && s.Acked >= s.Head
}

// HasAll reports whether both sides have everything, as far as this node knows;
// it may be paused, and so not in sync for long.
func (s Status) HasAll() bool {
	paused := s.State == Paused
	if paused {
		s.State = Watching
	}
	return s.InSync() && (!paused || s.Stuck == nil && s.Held == 0 && !s.failing())
}

// HeldText says how many conflicts wait for a person, and what that person can do.
func (s Status) HeldText() string {
	return fmt.Sprintf("%s waiting for a person: list with 'duet conflicts --share %s', settle with 'duet conflicts resolve'",
		Count(s.Held, "conflict"), s.Name)
}

func (s Status) failing() bool {
	return slices.ContainsFunc(s.Problems, func(p Problem) bool { return !p.Skipped })
}

// Problem is one path that could not be scanned or installed. Skipped ones are
// not errors: FIFOs, sockets, devices and mount points.
type Problem struct {
	Path    string    `json:"path"` // escaped
	Error   string    `json:"error"`
	Skipped bool      `json:"skipped,omitempty"`
	Since   time.Time `json:"since"`
	Next    time.Time `json:"next,omitzero"` // of the next try
	Tries   int       `json:"tries,omitempty"`
}

// EmptiedID is the id under which a root that was found empty waits.
const EmptiedID = "emptied-root"

// Waiting is what waits for a person's approval. Its ID stands for all of it.
type Waiting struct {
	ID      string  `json:"id"`
	Deletes int64   `json:"deletes"`
	Total   int64   `json:"total"`
	Reason  string  `json:"reason"`
	Groups  []Group `json:"groups,omitempty"` // of deletes; none if the root was found empty
}

// Group is the deletes that exceed one limit: max_delete, or that of a directory.
// Each is approved or rejected by itself.
type Group struct {
	ID      string `json:"id"`
	Under   string `json:"under,omitempty"` // the directory, escaped; "": the whole share
	Deletes int64  `json:"deletes"`
	Total   int64  `json:"total"` // paths that were there
	Limit   string `json:"limit"`
	Reason  string `json:"reason"`
}

// Progress is of long work: a scan or a transfer.
type Progress struct {
	Phase      string  `json:"phase"` // scanning, receiving, applying
	Done       int64   `json:"done"`  // paths
	Total      int64   `json:"total"` // paths; 0: not known
	Bytes      int64   `json:"bytes"`
	TotalBytes int64   `json:"total_bytes"` // 0: not known
	Rate       float64 `json:"rate"`        // bytes per second, or paths per second while scanning
	Left       float64 `json:"left"`        // seconds; 0: not known
}

// Outage is one time apart.
type Outage struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to,omitzero"`
	Why  string    `json:"why"`
	Kind string    `json:"kind"` // an index.Ending: cut, stopped, crashed, halted, refused, unknown
}

// Moment is what a share has to do with one path just now.
type Moment struct {
	State     State  `json:"state"` // of the share, as in its status
	Reason    string `json:"reason,omitempty"`
	Connected bool   `json:"connected"`

	Dirty    bool     `json:"dirty"`             // touched, and not yet looked at
	Scanning bool     `json:"scanning"`          // the whole tree is being looked at
	Moving   bool     `json:"moving"`            // what the peer has is being fetched or installed
	Own      *Problem `json:"problem,omitempty"` // why it is skipped or failed
	Above    *Problem `json:"above,omitempty"`   // a directory above it because of which nothing is decided here
	Waiting  *Waiting `json:"waiting,omitempty"` // deletes of the share that wait for approval
}
