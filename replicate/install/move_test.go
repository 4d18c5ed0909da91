package install

import (
	"os"
	"path/filepath"
	"testing"
)

// The peer renames what has changed here, as the index knows by the time of the
// batch: the change stays under its old name, and the new name does not get it.
func TestMoveOfWhatChanged(t *testing.T) {
	w := newWorld(t, scratch(t))
	w.seed(tree{"d": dir(), "d/f": file("old")})
	want := tree{"d": dir(), "g": file("old")}
	w.hear(want)
	jobs := w.jobs(want, map[string]string{"g": "d/f"})
	if err := os.WriteFile(filepath.Join(w.root(), "d/f"), []byte(saved), 0o644); err != nil {
		t.Fatal(err)
	}
	w.rescan()
	w.batch(jobs)
	now := w.onDisk()
	if now["d/f"].text != saved {
		t.Errorf("d/f is %q", now["d/f"].text)
	}
	if _, there := now["g"]; there {
		t.Errorf("g is %q", now["g"].text)
	}
	w.check(false)
}
