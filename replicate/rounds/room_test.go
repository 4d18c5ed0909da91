package rounds

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"duet/replicate/install"
	"duet/replicate/room"
	"duet/scan"
	"duet/scan/vfs"
	"duet/store/index"
)

// narrow has room for one copy. It says so until a copy is made, as a disk does.
type narrow struct {
	vfs.Files
	size    int64
	looked  chan bool // somebody asked what is free
	copying chan bool // a copy begins, and goes on when somebody takes this
	mu      sync.Mutex
	free    int64
	least   int64
}

func (n *narrow) Free() (int64, error) {
	defer func() { n.looked <- true }()
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.free, nil
}

func (n *narrow) CopyHeld(from, to vfs.Held) error {
	n.copying <- true
	n.mu.Lock()
	n.free -= n.size
	n.least = min(n.least, n.free)
	n.mu.Unlock()
	return n.Files.CopyHeld(from, to)
}

// Batches that are on their way together do not count on the same room.
func TestBatchesShareTheRoom(t *testing.T) {
	tree, err := vfs.Open(t.TempDir(), vfs.Options{Holding: filepath.Join(t.TempDir(), "holding")})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	content := []byte("twenty bytes of text")
	source := vfs.Held{Area: vfs.Stage, Name: "source"}
	d, err := tree.Create(source)
	if err == nil {
		_, err = d.Write(content)
	}
	if err == nil {
		_, err = d.Finish(vfs.Meta{Mode: 0o600, UID: -1, GID: -1})
	}
	if err := errors.Join(err, d.Close()); err != nil {
		t.Fatal(err)
	}
	n := &narrow{Files: tree, size: 20, free: 32, least: 32, looked: make(chan bool, 100), copying: make(chan bool)}
	promises := &room.Promises{}
	batch := func(i int) *Batch {
		b := newBatch()
		b.Files, b.room = n, promises
		b.Jobs = []install.Job{{Path: "copy", Staged: vfs.Held{Area: vfs.Stage, Name: fmt.Sprintf("%d.new", i)},
			Entry: &index.Entry{Kind: index.File, Size: int64(len(content)), Hash: scan.SumBytes(content)}}}
		b.copies = []copying{{from: install.Source{Held: source}, meta: vfs.Meta{Mode: 0o600, UID: -1, GID: -1}}}
		return b
	}
	first, second := batch(1), batch(2)
	var staged sync.WaitGroup
	staged.Go(func() { first.Stage(context.Background(), nil) })
	<-n.looked
	staged.Go(func() { second.Stage(context.Background(), nil) })
	<-n.looked // the second has seen that there is room: the first has not written yet
	<-n.copying
	go func() {
		for range n.copying { // the second's, if it comes to that
		}
	}()
	staged.Wait()
	close(n.copying)
	if err := first.Failed["copy"]; err != nil {
		t.Errorf("the first: %v", err)
	}
	if err := second.Failed["copy"]; !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("the second: %v", err)
	}
	if n.least < 0 {
		t.Errorf("%d bytes were free at the least", n.least)
	}
	// One that is put off goes with its session.
	over, end := context.WithCancel(context.Background())
	if _, err := promises.Ask(over, n, 20); err != nil {
		t.Fatal(err)
	}
	end()
	if _, err := promises.Ask(over, n, 20); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of the session: %v", err)
	}
}
