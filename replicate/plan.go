package replicate

import "time"

// Plan is what a share would do, on both sides, to become identical. Its ID
// covers both journals' positions: if either side moves, the ID changes.
type Plan struct {
	ID        string     `json:"id"`
	Share     string     `json:"share"`
	Made      time.Time  `json:"made"`
	Connected bool       `json:"connected"`
	Held      bool       `json:"held"` // nothing is done until Apply
	Outage    *Outage    `json:"outage,omitempty"`
	Ours      Did        `json:"ours"`   // what this side did since both agreed
	Theirs    Did        `json:"theirs"` // what the peer did
	Steps     []PlanStep `json:"steps"`
	More      int64      `json:"more"` // steps beyond those listed
	Here      Totals     `json:"here"` // what will be done on this node
	Peer      Totals     `json:"peer"` // what will be done on the peer
	Waiting   *Waiting   `json:"waiting,omitempty"`
}

// Empty reports whether there is nothing to do.
func (p *Plan) Empty() bool { return len(p.Steps) == 0 && p.More == 0 }

// Did is what one side did since both last agreed.
type Did struct {
	Created int64    `json:"created"`
	Changed int64    `json:"changed"`
	Touched int64    `json:"touched"`
	Deleted int64    `json:"deleted"`
	Bytes   int64    `json:"bytes"` // of what was created and changed
	First   []string `json:"first"` // the first few paths, escaped
}

// Totals counts the steps of one side.
type Totals struct {
	Place     int64 `json:"place"`
	Replace   int64 `json:"replace"`
	Delete    int64 `json:"delete"`
	Meta      int64 `json:"meta"`
	Conflicts int64 `json:"conflicts"`
	Bytes     int64 `json:"bytes"`
}

// PlanStep is one decision for one path.
type PlanStep struct {
	Path     string `json:"path"` // escaped
	Here     bool   `json:"here"` // this node acts; else the peer does
	Do       string `json:"do"`   // place, replace, delete, set metadata, keep alive, merge, hold
	Kind     string `json:"kind"`
	Size     int64  `json:"size"`
	Rule     string `json:"rule"` // line of the decision table
	Conflict bool   `json:"conflict,omitempty"`
	Detail   string `json:"detail,omitempty"`
}
