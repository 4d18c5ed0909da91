package memnet_test

import (
	"testing"

	"duet/integration/sim/memnet"
	"duet/replicate/link"
	"duet/replicate/link/linktest"
)

func TestContract(t *testing.T) {
	linktest.Contract(t, func(*testing.T) (a, b link.Conn) {
		l := memnet.Dial(nil, nil)
		return l.A, l.B
	})
}
