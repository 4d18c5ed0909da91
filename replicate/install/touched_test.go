package install

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"duet/store/index"
)

// Somebody saves in the instant of a swap, and before that can be put back the
// host crashes; before the restart somebody changes the mode of what the swap
// had brought. That is the newest edit: it stays, and the save is kept. (Seed
// 4009062 of the simulation: the replay put the save back, and the mode, with
// the content that somebody had acted on, was gone without a trace.)
func TestRaceThenCrashThenTouched(t *testing.T) {
	touched := 0
	for n := 1; ; n++ {
		w := newWorld(t, scratch(t))
		w.seed(tree{"f": file("old")})
		want := tree{"f": file("new")}
		w.hear(want)
		jobs := w.jobs(want, nil)
		full := filepath.Join(w.root(), "f")
		raced := false
		f := &fate{stop: n}
		f.before = func(op string, _ index.Path) {
			if op == "swap" && !raced {
				raced = true
				tmp := filepath.Join(w.top, "tmp")
				if err := os.WriteFile(tmp, []byte(saved), 0o644); err != nil {
					t.Error(err)
				}
				if err := os.Rename(tmp, full); err != nil {
					t.Error(err)
				}
			}
		}
		w.fated(f)
		_, _ = Batch(context.Background(), w.st, w.files, w.env(), jobs)
		w.reboot()
		seen, err := os.ReadFile(full)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(full, 0o600); err != nil {
			t.Fatal(err)
		}
		w.replay()
		w.check(false)
		w.noIntents()
		if now := w.onDisk()["f"]; now.text != string(seen) || now.mode != 0o600 {
			t.Errorf("after a crash at %d of %q: somebody changed the mode of %q, and f is %+v", n, f.log, seen, now)
		}
		if raced && !w.texts()[saved] {
			t.Errorf("after a crash at %d: the save is lost: %v", n, w.texts())
		}
		if string(seen) == "new" {
			touched++
		}
		w.close()
		removeAll(w.top)
		if f.ops < n {
			break
		}
	}
	if touched == 0 {
		t.Error("no crash came right after the swap")
	}
}
