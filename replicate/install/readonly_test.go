package install

import (
	"context"
	"strings"
	"testing"

	"duet/store"
	"duet/store/index"
)

// A daemon that modes bind is stopped before every single change that it makes
// in directories that shut their owner out: whenever that is, they are shut again
// after the replay, and being open was never an edit.
func TestCrashWhileOpen(t *testing.T) {
	for _, s := range scenarios {
		if !strings.HasPrefix(s.name, "read-only") {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			opened := 0
			for n := 1; ; n++ {
				more, open := crashWhileOpen(t, s, n)
				if opened += open; !more || t.Failed() {
					if t.Failed() {
						t.Fatalf("stopped before operation %d", n)
					}
					break
				}
			}
			if opened == 0 {
				t.Error("nothing was opened")
			}
		})
	}
}

func crashWhileOpen(t *testing.T, s scenario, n int) (more bool, opened int) {
	top := scratch(t)
	defer removeAll(top)
	w, jobs := begin(t, top, s)
	defer w.close()
	f := &fate{stop: n}
	w.fated(f)
	var open []index.Path
	env := w.env()
	env.Opened = func(paths []index.Path) { open = append(open, paths...) }
	_, err := Batch(context.Background(), w.st, w.files, env, jobs)
	if err == nil {
		err = Shut(w.st, w.files, open)
	}
	if f.ops >= n {
		w.reboot()
		w.replay()
		w.leftOpen()
		w.noEdits()
		w.afterCrash(s, true)
		if t.Failed() {
			t.Logf("before the crash: %q", f.log)
		}
		return true, len(open)
	}
	if err != nil {
		t.Error(err)
	}
	sameTree(t, w.onDisk(), s.want)
	w.noIntents()
	return false, len(open)
}

// leftOpen shuts what is open, as a share does after a start.
func (w *world) leftOpen() {
	w.tb.Helper()
	var open []index.Path
	w.view(func(tx *store.Tx) error {
		for r, err := range tx.Range(index.Root, false) {
			if err != nil {
				return err
			}
			if IsOpen(r) {
				open = append(open, r.Path)
			}
		}
		return nil
	})
	if err := Shut(w.st, w.files, open); err != nil {
		w.tb.Fatal(err)
	}
}

// noEdits makes sure that no directory has another mode than its entry, which a
// scan would take for a user's chmod.
func (w *world) noEdits() {
	w.tb.Helper()
	w.view(func(tx *store.Tx) error {
		for r, err := range tx.Range(index.Root, false) {
			if err != nil {
				return err
			}
			info, err := w.files.Lstat(r.Path)
			if err == nil && r.Ours.LiveKind() == index.Dir && info.Stamp.Mode&0o777 != r.Ours.Mode&0o777 {
				w.tb.Errorf("%v has mode %o, its entry %o", r.Path, info.Stamp.Mode&0o777, r.Ours.Mode)
			}
		}
		return nil
	})
}
