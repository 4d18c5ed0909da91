package main

import (
	"errors"
	"slices"

	"duet/cmd/duet/exit"
)

// gravity is the order of exit statuses, the gravest first.
var gravity = []int{exit.Halted, exit.MaxDelete, exit.Unreachable, exit.Conflicts, exit.Partial, exit.OK}

// rank is how grave a status is: 0 is the gravest.
func rank(code int) int {
	if i := slices.Index(gravity, code); i >= 0 {
		return i
	}
	return 0
}

// gravest joins errors under the gravest of their statuses.
func gravest(errs []error) error {
	err := errors.Join(errs...)
	if err == nil {
		return nil
	}
	var said []error
	found := exit.OK
	for _, e := range errs {
		if e == nil {
			continue
		}
		if code := exit.Code(e); found == exit.OK || rank(code) < rank(found) {
			found = code
		}
		var coded *exit.Error
		same := func(s error) bool { return s.Error() == e.Error() } // of several shares
		if (!errors.As(e, &coded) || coded.Err != nil) && !slices.ContainsFunc(said, same) {
			said = append(said, e)
		}
	}
	return exit.With(found, errors.Join(said...))
}
