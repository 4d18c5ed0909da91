package memnet_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"duet/replicate/link"
	"duet/replicate/link/linktest"
	"duet/replicate/link/memnet"
)

func TestContract(t *testing.T) {
	linktest.Contract(t, func(*testing.T) (a, b link.Conn) {
		l := memnet.Dial(nil, nil)
		return l.A, l.B
	})
}

// TestFailures is in virtual time: Silence is long.
func TestFailures(t *testing.T) {
	linktest.Failures(t, synctest.Test, func(*testing.T) linktest.Line {
		l := memnet.Dial(nil, nil)
		return linktest.Line{
			A: l.A, B: l.B, Mute: l.Cut,
			Break: func() { l.Break(errors.New("the connection was reset")) },
		}
	})
}
