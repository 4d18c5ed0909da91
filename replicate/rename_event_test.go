package replicate_test

import (
	"os"
	"path/filepath"
	"testing"

	"duet/replicate"
	"duet/scan"
	"duet/store"
	"duet/store/index"
)

// Both names of what was renamed come as one event, are looked at together, and so
// the journal says that it was renamed.
func TestRenameIsOneEvent(t *testing.T) {
	t.Parallel()
	events := make(chan scan.Event)
	p := newPair(t, func(c *replicate.Config) {
		if c.NodeName == "a" {
			c.Doors.Watch = func(*scan.Rules) (scan.Watcher, error) { return deaf{events}, nil }
		}
	})
	p.a.write("d/old", "content")
	p.start()
	p.settle()
	if err := os.Rename(filepath.Join(p.a.root, "d/old"), filepath.Join(p.a.root, "new")); err != nil {
		t.Fatal(err)
	}
	events <- scan.Event{Path: "new", From: "d/old", Recursive: true}
	p.has("new", "content", "content")
	p.settle()
	told := map[index.Path]index.Path{}
	p.a.view(func(tx *store.Tx) error {
		for e, err := range tx.Events(0) {
			if err != nil {
				return err
			}
			if e.From != index.Root || e.To != index.Root {
				told[e.Path] = e.From + e.To
			}
		}
		return nil
	})
	if len(told) != 2 || told["new"] != "d/old" || told["d/old"] != "new" {
		t.Errorf("the journal tells of the renames %v", told)
	}
}
