package scan

import (
	"os"
	"testing"

	"duet/scan/vfs/vfstest"
)

func TestMain(m *testing.M) { os.Exit(vfstest.Run(m)) }
