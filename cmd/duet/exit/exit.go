// Package exit is the one place that says which error ends the program with
// which status.
package exit

import (
	"errors"
	"fmt"

	"duet/cmd/duet/config"
	"duet/replicate/report"
	"duet/store"
)

// The exit statuses of every command.
const (
	OK          = 0  // in sync, or done
	Partial     = 1  // done, but some items were skipped or failed; any other error
	Usage       = 2  // usage or config
	Conflicts   = 3  // conflicts wait for a person
	Unreachable = 4  // the peer cannot be reached
	Halted      = 7  // halted, or not running at all: a person must look
	MaxDelete   = 25 // max_delete reached, nothing deleted
)

// stuckCodes are of what a share waits for.
var stuckCodes = map[report.For]int{
	report.ForHalt: Halted, report.ForApproval: MaxDelete, report.ForResume: Halted,
	report.ForConflicts: Conflicts, report.ForProblems: Partial,
}

// Error is an error with the status it ends the program with. A nil Err says
// nothing: what has to be said was printed.
type Error struct {
	Code int
	Err  error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit status %d", e.Code)
	}
	return e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// With gives err a status.
func With(code int, err error) error { return &Error{code, err} }

// Errorf makes an error with a status.
func Errorf(code int, format string, args ...any) error {
	return &Error{code, fmt.Errorf(format, args...)}
}

// Silent is a status without a message; nil for OK.
func Silent(code int) error {
	if code == OK {
		return nil
	}
	return &Error{Code: code}
}

// Code is the status for err.
func Code(err error) int {
	var coded *Error
	var probs config.Problems
	var stuck *report.StuckError
	switch {
	case err == nil:
		return OK
	case errors.As(err, &coded):
		return coded.Code
	case errors.As(err, &stuck):
		return stuckCodes[stuck.For]
	case errors.As(err, &probs):
		return Usage
	case errors.Is(err, store.ErrCorrupt), errors.Is(err, store.ErrFormat):
		return Halted
	}
	return Partial
}
