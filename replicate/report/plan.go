package report

import (
	"time"

	"duet/diff"
	"duet/store/index"
)

// maxSteps bounds the steps that a plan lists; totals count all of them.
const maxSteps = 1000

// didFirst is how many of the paths that a side changed a plan names.
const didFirst = 10

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

// Add counts one record on which the two sides differ.
func (p *Plan) Add(r *index.Record, v diff.Verdict, policy diff.Policy) {
	p.Ours.count(r.Path, r.Base, r.Ours)
	p.Theirs.count(r.Path, r.Base, r.Theirs)
	if step, ok := planStep(r, v, policy); ok {
		t := &p.Peer
		if step.Here {
			t = &p.Here
		}
		t.count(step)
		if len(p.Steps) < maxSteps {
			p.Steps = append(p.Steps, step)
		} else {
			p.More++
		}
	}
}

func (d *Did) count(path index.Path, base, now *index.Entry) {
	switch diff.Since(base, now) {
	case diff.Unchanged:
		return
	case diff.Created:
		d.Created++
		d.Bytes += now.Size
	case diff.Changed:
		d.Changed++
		d.Bytes += now.Size
	case diff.Touched:
		d.Touched++
	case diff.Deleted:
		d.Deleted++
	}
	if len(d.First) < didFirst {
		d.First = append(d.First, path.String())
	}
}

// planStep says in words what a verdict comes to. What the peer does is the
// verdict that it comes to from the same two entries.
func planStep(r *index.Record, v diff.Verdict, policy diff.Policy) (PlanStep, bool) {
	ours, theirs := r.Ours, r.Theirs
	step := PlanStep{Path: r.Path.String(), Here: true, Rule: v.Line, Conflict: v.Conflict}
	switch v.Act {
	case diff.Nothing, diff.Agree:
		return step, false
	case diff.Hold:
		step.Do, step.Kind, step.Size = "hold", ours.Kind.String(), ours.Size
		step.Detail = "waits for a person"
		return step, true
	case diff.Wait, diff.Win, diff.Revive:
		step.Here = false
		// The peer has yet to hear of this; then it decides as we do here.
		won := ours
		if v.Entry != nil {
			won = v.Entry
		}
		mirror := diff.Decide(theirs, won, policy.Mirror())
		step.Conflict = step.Conflict || mirror.Conflict
		step.describe(theirs, won)
		if v.Act == diff.Revive {
			step.Detail = "deleted there; it is put back"
		}
		return step, step.Do != ""
	}
	step.describe(ours, v.Entry)
	return step, step.Do != ""
}

// describe fills in what turns was into is.
func (s *PlanStep) describe(was, is *index.Entry) {
	s.Kind, s.Size = is.Kind.String(), is.Size
	switch {
	case !is.Live() && !was.Live():
		s.Do = "" // only the index changes
	case !is.Live():
		s.Do, s.Kind, s.Size = "delete", was.Kind.String(), was.Size
	case !was.Live():
		s.Do = "place"
	case index.SameContent(was, is):
		s.Do = "set metadata"
	default:
		s.Do = "replace"
		s.Detail = "what is there is kept"
	}
	if s.Conflict {
		s.Detail = "both sides changed it; the loser is kept"
	}
}

func (t *Totals) count(s PlanStep) {
	if s.Conflict {
		t.Conflicts++
	}
	switch s.Do {
	case "place":
		t.Place++
		t.Bytes += s.Size
	case "replace":
		t.Replace++
		t.Bytes += s.Size
	case "delete":
		t.Delete++
	case "set metadata":
		t.Meta++
	}
}
