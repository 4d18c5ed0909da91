package report

import (
	"fmt"
	"strings"
)

// Stuck is what a share waits for that only a person can do.
type Stuck struct {
	For    For    `json:"for"`
	Reason string `json:"reason"` // what, and what to do
}

// For is what a share waits for.
type For string

// What a share can wait for.
const (
	ForHalt      For = "halt"      // the share is halted
	ForApproval  For = "approval"  // of deletes, or of a plan
	ForConflicts For = "conflicts" // that are held
	ForResume    For = "resume"    // it is paused
	ForProblems  For = "problems"  // of paths, in spite of several tries
)

// grave has the gravest first.
var grave = []For{ForHalt, ForApproval, ForResume, ForConflicts, ForProblems}

// StuckError is why a share does not come to be in sync by itself.
type StuckError struct {
	For  For // the gravest of what it waits for
	text string
}

func (e *StuckError) Error() string { return e.text }

// Blocked says why the share will not be in sync before a person does something
// on one of the hosts: nil if it is, or may be.
func (s Status) Blocked() *StuckError {
	if s.State.Halted() {
		return &StuckError{ForHalt, fmt.Sprintf("share %q is halted: %s", s.Name, s.Reason)}
	}
	here, there := s.Stuck, s.PeerStuck
	apart := here != nil && !s.Connected && here.For != ForProblems // no matter what the peer has
	switch {
	case apart:
		there = nil
	case !s.Connected, here == nil && there == nil, s.Dirty > 0, s.Behind > 0, s.Acked < s.Head:
		return nil
	case here == nil && (s.PendingIn > 0 || s.State != Watching), there == nil && s.PendingOut > 0:
		return nil // one of the two is still at work
	}
	var texts []string
	for _, f := range grave {
		if here != nil && here.For == f {
			texts = append(texts, here.Reason)
		}
		both := here != nil && there != nil && here.For == f && (f == ForConflicts || here.Reason == there.Reason)
		if there != nil && there.For == f && !both {
			texts = append(texts, "on the other host: "+there.Reason)
		}
	}
	e := &StuckError{text: fmt.Sprintf("share %q waits for a person: %s", s.Name, strings.Join(texts, "; "))}
	for _, f := range grave {
		if e.For == "" && (here != nil && here.For == f || there != nil && there.For == f) {
			e.For = f
		}
	}
	return e
}
