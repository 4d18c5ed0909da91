package wire

import (
	"errors"
	"fmt"
)

// impossibleError means that the peer said what cannot be: each of its messages
// may be one, but they contradict each other, or what this node knows.
type impossibleError struct{ text string }

func (e *impossibleError) Error() string { return e.text }

// IsImpossible reports whether err is one of Impossible, or says that what came
// in is no message: no honest peer does either.
func IsImpossible(err error) bool {
	var p *impossibleError
	var m *InvalidError
	return errors.As(err, &p) || errors.As(err, &m)
}

// Impossible makes an error of what the peer cannot have meant.
func Impossible(format string, args ...any) error {
	return &impossibleError{fmt.Sprintf(format, args...)}
}
