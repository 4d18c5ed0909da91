package replicate

import (
	"fmt"

	"duet/replicate/report"
	"duet/replicate/wire"
)

// hopeless is after how many tries a path is one that a person has to look at.
const hopeless = 3

var stuckWords = map[wire.StuckFor]report.For{
	wire.ForApproval: report.ForApproval, wire.ForConflicts: report.ForConflicts,
	wire.ForResume: report.ForResume, wire.ForProblems: report.ForProblems,
}

func fromWire(s wire.Stuck) *report.Stuck {
	if s.For == 0 {
		return nil
	}
	return &report.Stuck{For: stuckWords[s.For], Reason: s.Text}
}

// sayStuck has the peer told what this node waits for, if that has changed.
func (l *loop) sayStuck(is *report.Stuck) {
	var now wire.Stuck
	for w, f := range stuckWords {
		if is != nil && is.For == f {
			now = wire.Stuck{For: w, Text: is.Reason}
		}
	}
	t := &l.talk
	if now != t.stuck && t.greeted {
		t.stuck, t.owes = now, true
		l.sayAck()
	}
}

// stuckOn says what keeps this node from going on by itself, once it has done
// all that can be done.
func (l *loop) stuckOn(st report.Status) *report.Stuck {
	on := func(f report.For, reason string) *report.Stuck { return &report.Stuck{For: f, Reason: reason} }
	switch {
	case st.State.Halted():
		return nil // which is more than stuck
	case l.root.emptied:
		return on(report.ForApproval, st.Reason)
	case l.published.paused && st.Dirty == 0 && (st.PendingIn > 0 || !l.drained()):
		return on(report.ForResume, st.Reason)
	case st.State == report.WaitingApproval && l.talk.held:
		return on(report.ForApproval, st.Reason)
	case l.atWork(st):
		return nil
	case st.Waiting != nil:
		return on(report.ForApproval, st.Waiting.Reason)
	case st.State == report.WaitingApproval && st.LeftOut != nil:
		return on(report.ForApproval, st.Reason)
	case st.Held > 0:
		return on(report.ForConflicts, st.HeldText())
	case st.State == report.Degraded && tried(st.Problems):
		return on(report.ForProblems, st.Reason+first(st.Problems)+": 'duet status' lists what is in the way")
	}
	return nil
}

// atWork reports whether something is under way that may change what the share
// waits for.
func (l *loop) atWork(st report.Status) bool {
	r := l.rounds
	return !l.drained() || l.notice.scanning || st.Dirty > 0 || len(l.lane.ready) > 0 || len(l.lane.records) > 0 ||
		r.Busy() > 0 || r.More() || !r.Due().IsZero()
}

// first is the first of the problems, for a line about all of them.
func first(problems []report.Problem) string {
	for _, p := range problems {
		if !p.Skipped {
			return fmt.Sprintf(" (%s: %s)", p.Path, p.Error)
		}
	}
	return ""
}

// tried reports whether each of the problems has been tried often enough.
func tried(problems []report.Problem) bool {
	for _, p := range problems {
		if !p.Skipped && p.Tries < hopeless {
			return false
		}
	}
	return true
}
