// Package integration tests Duet as a whole, with real processes, over real
// SSH connections, on real files. The plain `go test` runs everything that
// needs neither root nor minutes; `-full` or DUET_CI=1 runs it all.
package integration

import (
	"io"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"duet/integration/rig"
)

func TestMain(m *testing.M) { rig.Main(m) }

// patience is how long a pair may take to come in sync when nothing is wrong:
// far longer than it does, as other tests run on the same cores.
const patience = 2 * time.Minute

// anyDeletes are options for random operations: sooner or later they delete
// more than half of what there is, and nobody is there to approve.
var anyDeletes = map[string]string{"max_delete": "100%"}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// add appends to a file that must be there.
func add(t *testing.T, path, content string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(content); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// must stops the test at an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	must(t, os.MkdirAll(path, 0o755))
}

// writeBig writes a file of incompressible content.
func writeBig(t *testing.T, path string, size int64, seed uint64) {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	source := rand.NewChaCha8([32]byte{byte(seed), byte(size)})
	_, err = io.CopyN(f, source, size)
	must(t, err)
}
