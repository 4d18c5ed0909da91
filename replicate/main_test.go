package replicate_test

import (
	"flag"
	"os"
	"testing"

	"duet/scan/vfs/vfstest"
)

// TestMain runs more tests at a time than there are processors: they wait most
// of the time, for a disk or for what comes back after a while.
func TestMain(m *testing.M) {
	flag.Parse()
	if !flagGiven("test.parallel") {
		flag.Set("test.parallel", "8")
	}
	remove := vfstest.Scratch()
	code := m.Run()
	remove()
	os.Exit(code)
}

func flagGiven(name string) (yes bool) {
	flag.Visit(func(f *flag.Flag) { yes = yes || f.Name == name })
	return yes
}
