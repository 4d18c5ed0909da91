package scan

import (
	"os"
	"testing"

	"duet/scan/vfs/vfstest"
)

func TestMain(m *testing.M) {
	remove := vfstest.Scratch()
	code := m.Run()
	remove()
	os.Exit(code)
}
