package install

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"duet/store"
	"duet/store/index"
)

// A crash right after a swap, and before the restart somebody deletes what the
// swap had brought: that is a delete by somebody who saw the newer version. If
// the replay took the swap for undone, the next scan would find a delete of the
// older version, and the file would come back.
func TestCrashThenTakenAway(t *testing.T) {
	s := scenario{name: "swap", have: tree{"f": file("old")}, want: tree{"f": file("newer")}}
	swapped := 0
	for n := 1; ; n++ {
		top := scratch(t)
		w, jobs := begin(t, top, s)
		f := &fate{stop: n}
		w.fated(f)
		Batch(context.Background(), w.st, w.files, w.env(), jobs)
		if f.ops < f.stop {
			w.close()
			removeAll(top)
			break
		}
		w.reboot()
		path := filepath.Join(w.root(), "f")
		brought, err := os.ReadFile(path)
		if err != nil {
			t.Fatalf("after a crash at %d: %v", n, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		w.replay()
		if string(brought) == "newer" {
			swapped++
			w.view(func(tx *store.Tx) error {
				r, err := tx.Get("f")
				if err == nil && r.Ours.Version.Compare(jobs[0].Entry.Version) != index.Equal {
					t.Errorf("after a crash at %d (%q): the index says %v, the tree had %v", n, f.log, r.Ours.Version, jobs[0].Entry.Version)
				}
				return err
			})
		}
		w.close()
		removeAll(top)
	}
	if swapped == 0 {
		t.Error("no crash came after the swap")
	}
}
