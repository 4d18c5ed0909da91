package replicate_test

import (
	"flag"
	"os"
	"testing"

	"duet/scan/vfs/vfstest"
)

// TestMain runs more tests at a time than there are processors: they wait most
// of the time, for a disk or for what comes back after a while. The command line may
// say otherwise.
func TestMain(m *testing.M) {
	flag.Set("test.parallel", "8")
	os.Exit(vfstest.Run(m))
}
