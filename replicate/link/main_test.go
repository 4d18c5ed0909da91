package link_test

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// TestMain runs more tests at a time than there are processors, as they wait for time
// limits, and fails if goroutines are left when everything has stopped.
func TestMain(m *testing.M) {
	flag.Set("test.parallel", "8") // the command line may say otherwise
	before := runtime.NumGoroutine()
	code := m.Run()
	if code == 0 && !noneLeft(before) {
		code = 1
	}
	os.Exit(code)
}

func noneLeft(before int) bool {
	for end := time.Now().Add(30 * time.Second); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			buf := make([]byte, 1<<20)
			fmt.Fprintf(os.Stderr, "%d goroutines are left, %d were there before:\n%s\n", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
			return false
		}
	}
	return true
}
