package rounds

import (
	"context"
	"errors"
	"fmt"
	"io"
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

// watched notes what is staged, and which of it is on stable storage.
type watched struct {
	vfs.Files
	mu     sync.Mutex
	synced map[string]bool
	fails  string
}

type watchedDraft struct {
	vfs.Draft
	w    *watched
	name string
}

func (w *watched) Create(h vfs.Held) (vfs.Draft, error) {
	d, err := w.Files.Create(h)
	return watchedDraft{d, w, h.Name}, err
}

func (d watchedDraft) Finish(m vfs.Meta) (index.Stamp, error) {
	d.w.mu.Lock()
	d.w.synced[d.name] = true
	d.w.mu.Unlock()
	return d.Draft.Finish(m)
}

func (w *watched) SyncStaged(staged []vfs.Held) []error {
	errs := w.Files.SyncStaged(staged)
	for i, h := range staged {
		if h.Name == w.fails {
			errs[i] = io.ErrUnexpectedEOF
		}
		w.synced[h.Name] = errs[i] == nil
	}
	return errs
}

// What came along with its change is on stable storage when it counts as
// staged, few contents as well as many; what is not leaves the batch.
func TestStagedIsOnDisk(t *testing.T) {
	for _, n := range []int{1, together - 1, together, 3 * together} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			tree, err := vfs.Open(t.TempDir(), vfs.Options{Holding: filepath.Join(t.TempDir(), "holding")})
			if err != nil {
				t.Fatal(err)
			}
			defer tree.Close()
			w := &watched{Files: tree, synced: map[string]bool{}}
			b := newBatch()
			b.Files, b.room = w, &room.Promises{}
			for i := range n {
				p, content := index.Path(fmt.Sprintf("f%d", i)), []byte(fmt.Sprint(i))
				j := install.Job{Path: p, Staged: vfs.Held{Area: vfs.Stage, Name: fmt.Sprintf("%d.new", i)},
					Entry: &index.Entry{Kind: index.File, Hash: scan.SumBytes(content), Size: int64(len(content))}}
				b.Jobs = append(b.Jobs, j)
				b.small[p], b.metas[p] = content, vfs.Meta{Mode: 0o644, UID: -1, GID: -1}
			}
			if n >= together {
				w.fails = "7.new"
			}
			b.Stage(context.Background(), nil)
			for _, j := range b.Staged() {
				if !w.synced[j.Staged.Name] {
					t.Errorf("%v counts as staged, and was not synced", j.Path)
				}
			}
			if n >= together && (len(b.Staged()) != n-1 || !errors.Is(b.Failed["f7"], io.ErrUnexpectedEOF)) {
				t.Errorf("%d of %d staged, f7: %v", len(b.Staged()), n, b.Failed["f7"])
			}
		})
	}
}

// crammed has room for one of two contents.
type crammed struct{ vfs.Files }

func (crammed) Free() (int64, error) { return 32, nil }

// What came along and what is copied from here takes up room like what is
// fetched: nothing is begun for which there is none.
func TestStageAsksForRoom(t *testing.T) {
	tree, err := vfs.Open(t.TempDir(), vfs.Options{Holding: filepath.Join(t.TempDir(), "holding")})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	small, source := []byte("twenty bytes of text"), []byte("and of a copy twenty")
	d, err := tree.Create(vfs.Held{Area: vfs.Stage, Name: "source"})
	if err == nil {
		_, err = d.Write(source)
	}
	if err == nil {
		_, err = d.Finish(vfs.Meta{Mode: 0o600, UID: -1, GID: -1})
	}
	if err := errors.Join(err, d.Close()); err != nil {
		t.Fatal(err)
	}
	b := newBatch()
	b.Files, b.room = crammed{tree}, &room.Promises{}
	add := func(p index.Path, content []byte) int {
		b.Jobs = append(b.Jobs, install.Job{Path: p, Staged: vfs.Held{Area: vfs.Stage, Name: string(p) + ".new"},
			Entry: &index.Entry{Kind: index.File, Size: int64(len(content)), Hash: scan.SumBytes(content)}})
		b.metas[p] = vfs.Meta{Mode: 0o600, UID: -1, GID: -1}
		return len(b.Jobs) - 1
	}
	add("small", small)
	b.small["small"] = small
	b.copies = append(b.copies, copying{job: add("copy", source), from: install.Source{Held: vfs.Held{Area: vfs.Stage, Name: "source"}}, meta: b.metas["copy"]})
	b.Stage(context.Background(), nil)
	if err := b.Failed["small"]; err != nil {
		t.Errorf("there is room for the first: %v", err)
	}
	if err := b.Failed["copy"]; !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("there is no room for the second: %v", err)
	}
}
