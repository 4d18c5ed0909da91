package rig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

var (
	buildOnce sync.Once
	buildDir  string
	buildErr  error
)

// Binary returns the path of a `duet` built from this tree, once per test
// process. DUET_BINARY names another one; DUET_RACE=1 builds it with the race
// detector.
func Binary(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("DUET_BINARY"); path != "" {
		return path
	}
	buildOnce.Do(func() { buildErr = build() })
	if buildErr != nil {
		t.Fatal(buildErr)
	}
	return filepath.Join(buildDir, "duet")
}

func build() error {
	dir, err := os.MkdirTemp("", "duet-bin-")
	if err != nil {
		return err
	}
	buildDir = dir
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	gomod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return fmt.Errorf("go env GOMOD: %w", err)
	}
	args := []string{"build", "-o", filepath.Join(dir, "duet")}
	if os.Getenv("DUET_RACE") == "1" {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "./cmd/duet")...)
	cmd.Dir = filepath.Dir(strings.TrimSpace(string(gomod)))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build duet: %w\n%s", err, out)
	}
	return nil
}
