package rig

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"duet/scan/vfs/vfstest"
)

var full = flag.Bool("full", false, "run the whole-system tests in full size (also: DUET_CI=1)")

// CI reports whether a missing tool is a failure rather than a reason to skip.
func CI() bool { return os.Getenv("DUET_CI") == "1" }

// Full reports whether to run in full size: minutes instead of seconds.
func Full() bool { return *full || CI() }

// Size returns small, or large when running in full size.
func Size(small, large int) int {
	if Full() {
		return large
	}
	return small
}

// Need skips t when a tool is not there; under DUET_CI=1 it fails.
func Need(t testing.TB, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			missing(t, "needs %s: %v", tool, err)
		}
	}
}

// NeedRoot skips t unless it runs as root; under DUET_CI=1 it fails.
func NeedRoot(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		missing(t, "needs root")
	}
}

// NeedMount skips t unless it may mount, in a mount namespace of this test
// process alone; under DUET_CI=1 it fails.
func NeedMount(t testing.TB) {
	t.Helper()
	NeedRoot(t)
	if os.Getenv(privateEnv) == "" {
		missing(t, "needs a mount namespace of its own: `unshare -m` does not work here")
	}
}

func missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if CI() {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

const privateEnv = "DUET_TEST_MOUNTS"

// Main is every whole-system package's TestMain. As root it first puts the
// whole test process into a mount namespace of its own, so that whatever the
// tests mount is gone when they are, however they end.
func Main(m *testing.M) {
	if os.Getuid() == 0 && os.Getenv(privateEnv) == "" {
		if unshare, err := exec.LookPath("unshare"); err == nil && exec.Command(unshare, "-m", "true").Run() == nil {
			args := append([]string{"unshare", "-m", os.Args[0]}, os.Args[1:]...)
			err := syscall.Exec(unshare, args, append(os.Environ(), privateEnv+"=1"))
			fmt.Fprintf(os.Stderr, "rig: exec unshare: %v\n", err)
		}
	}
	// An interrupted run must not leave daemons behind: they die with the
	// thread that started them, see spawn, and that thread with the process.
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-interrupted
		os.Exit(1)
	}()
	// The daemons of several tests share the processors: they wait most of the time.
	// The command line may say otherwise.
	_ = flag.Set("test.parallel", "6")
	code := vfstest.Run(m)
	if buildDir != "" {
		_ = os.RemoveAll(buildDir)
	}
	os.Exit(code)
}

// Dir returns a new directory that other users can reach too, unlike
// t.TempDir, so that daemons can run as somebody else. It is removed at the
// end of the test unless DUET_KEEP is set.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "duet-test-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if os.Getenv("DUET_KEEP") != "" {
			t.Logf("kept %s", dir)
			return
		}
		if err := removeAll(dir); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	return dir
}

// removeAll removes dir whatever the modes of the directories below it.
func removeAll(dir string) error {
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(dir)
}

// Until asks done every so often until it reports true, and returns false if
// it has not by the deadline.
func Until(deadline time.Duration, done func() bool) bool {
	end := time.Now().Add(deadline)
	for wait := 5 * time.Millisecond; ; wait = min(wait*3/2, 200*time.Millisecond) {
		if done() {
			return true
		}
		if time.Now().Add(wait).After(end) {
			return false
		}
		time.Sleep(wait) // the process asked is another one: there is no event to await
	}
}
