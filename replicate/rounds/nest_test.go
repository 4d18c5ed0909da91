package rounds

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"duet/replicate/install"
	"duet/replicate/room"
	"duet/scan"
	"duet/scan/vfs"
	"duet/store/index"
)

// stubborn makes no directory in the stage, or no files in one.
type stubborn struct {
	vfs.Files
	dirs bool
}

var errStubborn = errors.New("not here")

func (s stubborn) StageDir(h vfs.Held, m vfs.Meta) (index.Stamp, error) {
	if s.dirs {
		return index.Stamp{}, errStubborn
	}
	return s.Files.StageDir(h, m)
}

func (s stubborn) Create(h vfs.Held) (vfs.Draft, error) {
	if h.In != "" && !s.dirs && h.Name != "f0" {
		return nil, errStubborn
	}
	return s.Files.Create(h)
}

// nestOf makes a batch of a new directory with n files in it.
func nestOf(t *testing.T, n int, mode uint32, files func(*vfs.Tree) vfs.Files) *Batch {
	tree, err := vfs.Open(t.TempDir(), vfs.Options{Holding: filepath.Join(t.TempDir(), "holding")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tree.Close() })
	b := newBatch()
	b.Files, b.room = files(tree), &room.Promises{}
	b.Jobs = []install.Job{{Path: "d", Entry: &index.Entry{Kind: index.Dir, Mode: mode}}}
	b.metas["d"] = vfs.Meta{Mode: mode, UID: -1, GID: -1}
	for i := range n {
		p, content := index.Path(fmt.Sprintf("d/f%d", i)), []byte(fmt.Sprint(i))
		b.Jobs = append(b.Jobs, install.Job{Path: p, Staged: vfs.Held{Area: vfs.Stage, Name: fmt.Sprintf("%d.new", i)},
			Entry: &index.Entry{Kind: index.File, Hash: scan.SumBytes(content), Size: int64(len(content))}})
		b.small[p], b.metas[p] = content, vfs.Meta{Mode: 0o644, UID: -1, GID: -1}
	}
	k := &picking{rounds: &Rounds{}, b: b, fresh: map[index.Path]bool{"d": true}}
	k.nest()
	b.Stage(context.Background(), nil)
	return b
}

// A new directory with small files in it is staged with them. Where that cannot
// be, each is staged by itself; in any case each is there when it counts as staged.
func TestNest(t *testing.T) {
	as := func(tree *vfs.Tree) vfs.Files { return tree }
	for _, c := range []struct {
		name   string
		n      int
		mode   uint32
		files  func(*vfs.Tree) vfs.Files
		dir    bool // is staged
		inside int  // files in it
	}{
		{"few", 2, 0o755, as, true, 2},
		{"many", together, 0o700, as, true, together},
		{"one", 1, 0o755, as, false, 0},
		{"its owner may not write", 3, 0o555, as, false, 0},
		{"its group is handed on", 3, 0o2755, as, false, 0},
		{"no directories", 3, 0o755, func(tree *vfs.Tree) vfs.Files { return stubborn{tree, true} }, false, 0},
		{"no files but one", 3, 0o755, func(tree *vfs.Tree) vfs.Files { return stubborn{tree, false} }, true, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := nestOf(t, c.n, c.mode, c.files)
			if len(b.Failed) > 0 || len(b.Staged()) != c.n+1 {
				t.Fatalf("failed: %v", b.Failed)
			}
			if dir := b.Jobs[0].Staged.Name != ""; dir != c.dir {
				t.Errorf("the directory is staged: %v, want %v", dir, c.dir)
			}
			inside := 0
			for i := range b.Jobs {
				j := &b.Jobs[i]
				if j.Staged.Name == "" {
					continue
				}
				info, err := b.Files.LstatHeld(j.Staged)
				if err != nil || j.Entry.Kind == index.File && info.Stamp != j.Stamp {
					t.Errorf("%v is %+v, was staged as %+v: %v", j.Path, info.Stamp, j.Stamp, err)
				}
				if j.Staged.In != "" {
					inside++
				}
			}
			if inside != c.inside {
				t.Errorf("%d files in the directory, want %d", inside, c.inside)
			}
			// Whatever becomes of the jobs, nothing stays in the stage.
			out := make([]install.Outcome, len(b.Jobs))
			out[0].Done = true
			b.Unstage(b.Jobs, out)
			if left, err := b.Files.ListHeld(vfs.Stage); err != nil || len(left) > 0 {
				t.Errorf("left in the stage: %v %v", left, err)
			}
		})
	}
}
