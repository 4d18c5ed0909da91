// Package linktest has the contract that every link obeys, and what tests need
// that need a link, and none in particular.
package linktest

import (
	"duet/replicate/link"
	"duet/replicate/link/memnet"
)

// Pipe returns the two ends of a connection in memory that takes no time, a
// being the dialler.
func Pipe() (a, b link.Conn) {
	l := memnet.Dial(nil, nil)
	return l.A, l.B
}
