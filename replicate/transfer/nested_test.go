package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"duet/replicate/transfer"
	"duet/scan/vfs"
	"duet/store/index"
)

// Contents that come in one piece are made where they are wanted, in a staged
// directory too; others are brought there when they are complete.
func TestFetchIntoADirectory(t *testing.T) {
	r := newRig(t)
	if _, err := r.files.StageDir(vfs.Held{Area: vfs.Stage, Name: "d"}, vfs.Meta{Mode: 0o755, UID: -1, GID: -1}); err != nil {
		t.Fatal(err)
	}
	var wants []transfer.Want
	for i, size := range []int{1, 2000, 100_000, 3 << 20} {
		w := r.shelf.put(index.Path(fmt.Sprintf("f%d", i)), noise(size))
		w.Staged, w.In, w.Late = string(w.Path), "d", true
		wants = append(wants, w)
	}
	for _, res := range r.fetch(wants...) {
		if res.Held.In != "d" {
			t.Errorf("%v is %v", res.Want.Path, res.Held)
		}
		r.check(res, r.shelf.files[res.Want.Path])
	}
	if names := r.staged(); len(names) != 1 {
		t.Errorf("in the stage: %q", names)
	}
}

// slow makes whoever makes a file in a staged directory wait.
type slow struct {
	vfs.Files
	once  sync.Once
	begun chan struct{}
	gate  chan struct{}
	open  atomic.Bool
}

func (s *slow) Create(h vfs.Held) (vfs.Draft, error) {
	if h.In != "" {
		s.once.Do(func() { close(s.begun) })
		<-s.gate
	}
	return s.Files.Create(h)
}

// When Fetch has returned, nothing is made any more in the directory that it was
// given: it may be placed in the tree by then. Not even if somebody else wants the
// same content, which goes on.
func TestCancelledFetchLeavesItsDirectory(t *testing.T) {
	r := newRig(t)
	files := &slow{Files: r.files, begun: make(chan struct{}), gate: make(chan struct{})}
	r.Close()
	r.Fetcher = transfer.NewFetcher(transfer.Options{Open: r.here.Open, Files: files})
	if _, err := r.files.StageDir(vfs.Held{Area: vfs.Stage, Name: "d"}, vfs.Meta{Mode: 0o755, UID: -1, GID: -1}); err != nil {
		t.Fatal(err)
	}
	shared := r.shelf.put("shared", []byte("wanted by two"))
	mine := shared
	mine.Staged, mine.In = "mine", "d"
	ctx, cancel := context.WithCancel(context.Background())
	returned := make(chan error, 1)
	go func() { returned <- r.Fetch(ctx, []transfer.Want{mine}, func(transfer.Result) {}) }()
	<-files.begun

	theirs := shared
	theirs.Staged = "theirs"
	results := make(chan transfer.Result, 2)
	go r.Fetch(context.Background(), []transfer.Want{theirs, r.shelf.put("marker", []byte("marker"))}, func(res transfer.Result) { results <- res })
	if res := <-results; res.Want.Path != "marker" { // now both are queued
		t.Fatalf("%v came while it could not be written", res.Want.Path)
	}
	cancel()
	time.AfterFunc(20*time.Millisecond, func() {
		files.open.Store(true)
		close(files.gate)
	})
	select {
	case err := <-returned:
		if !errors.Is(err, context.Canceled) || !files.open.Load() {
			t.Errorf("it returned while a file was being made in its directory: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("Fetch does not give up")
	}
	if info, err := r.files.LstatHeld(vfs.Held{Area: vfs.Stage, In: "d", Name: "mine"}); err == nil {
		t.Errorf("left there: %+v", info)
	}
	select {
	case res := <-results:
		r.check(res, []byte("wanted by two"))
	case <-time.After(patience):
		t.Fatal("what another wanted did not come")
	}
}
