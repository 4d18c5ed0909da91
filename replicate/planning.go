package replicate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"duet/diff"
	"duet/store"
	"duet/store/index"
)

// planSteps bounds the steps that a plan lists; totals count all of them.
const planSteps = 1000

// didFirst is how many of the paths that a side changed a plan names.
const didFirst = 10

// Plan says what will be done, on both sides, as far as this node has heard.
func (s *Share) Plan(ctx context.Context) (*Plan, error) {
	if s.st == nil {
		return nil, s.broken
	}
	st := s.Status()
	p := &Plan{
		Share: s.cfg.Name, Made: s.now(), Connected: st.Connected, Outage: st.Outage, Waiting: st.Waiting,
		Held: st.State == WaitingApproval && st.Waiting == nil, Steps: []PlanStep{},
	}
	p.Ours.First, p.Theirs.First = []string{}, []string{}
	err := s.st.View(func(tx *store.Tx) error {
		m, err := tx.Meta()
		if err != nil {
			return err
		}
		sum := sha256.Sum256(fmt.Appendf(nil, "%v %d %v %d", m.Epoch, tx.Head(), m.PeerEpoch, m.Heard))
		p.ID = hex.EncodeToString(sum[:4])
		for r, err := range tx.Range(index.Root, false) {
			if err != nil {
				return err
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if !r.Agreed() && !s.ignores(r) {
				p.add(r, s.decide(r), s.policy)
			}
		}
		return nil
	})
	return p, err
}

// add counts one record on which the two sides differ.
func (p *Plan) add(r *index.Record, v diff.Verdict, policy diff.Policy) {
	p.Ours.count(r.Path, r.Base, r.Ours)
	p.Theirs.count(r.Path, r.Base, r.Theirs)
	if step, ok := planStep(r, v, policy); ok {
		t := &p.Peer
		if step.Here {
			t = &p.Here
		}
		t.count(step)
		if len(p.Steps) < planSteps {
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
