package scan

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"duet/store/index"
)

// Whoever has heard of a mark has heard of all that happened before it.
func TestMark(t *testing.T) {
	root := t.TempDir()
	rules, err := ParseRules(nil)
	if err != nil {
		t.Fatal(err)
	}
	w, err := Watch(root, rules)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Arm(index.Root); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "mark")
	for round := range 3 {
		want := map[index.Path]bool{}
		for i := range 300 {
			name := fmt.Sprintf("f%d-%d", round, i)
			want[index.Path(name)] = true
			if err := os.WriteFile(filepath.Join(root, name), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		mark, err := w.(interface {
			Mark(string) (<-chan struct{}, error)
		}).Mark(dir)
		if err != nil {
			t.Fatal(err)
		}
		deadline := time.After(time.Minute)
		for marked := false; !marked; {
			select {
			case ev := <-w.Events():
				if ev.Mark != nil {
					close(ev.Mark)
					marked = true
				}
				delete(want, ev.Path)
			case <-deadline:
				t.Fatal("no mark came")
			}
		}
		<-mark
		if len(want) > 0 {
			t.Errorf("round %d: %d of what was before the mark was not told", round, len(want))
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the directory for marks is left: %v", err)
	}
}
