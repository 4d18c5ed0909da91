package linktest

import (
	"testing"

	"duet/replicate/link"
)

func TestPipe(t *testing.T) {
	Contract(t, func(*testing.T) (a, b link.Conn) { return Pipe() })
}
