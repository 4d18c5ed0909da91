package vfs_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"duet/scan/vfs"
	"duet/store/index"
)

func benchTree(b *testing.B, missing ...string) *vfs.Tree {
	b.Helper()
	root := filepath.Join(b.TempDir(), "root")
	must(b, os.MkdirAll(filepath.Join(root, "some/deep/directory"), 0o755))
	write(b, filepath.Join(root, "some/deep/directory/file"), "x")
	return openTree(b, root, vfs.Options{}, missing...)
}

func BenchmarkLstat(b *testing.B) {
	for _, without := range []string{"all", "openat2"} {
		tree := benchTree(b, kernels[without]...)
		for _, p := range []index.Path{"some", "some/deep/directory/file", "some/deep/directory/none"} {
			b.Run("without-"+without+"/"+p.Leaf(), func(b *testing.B) {
				for b.Loop() {
					_, _ = tree.Lstat(p)
				}
			})
		}
	}
}

func BenchmarkPlace(b *testing.B) {
	tree := benchTree(b)
	p := index.Path("some/deep/directory/placed")
	h := stage(b, tree, "h", "x")
	for b.Loop() { // and Shelve, to have it again
		must(b, tree.Place(h, p))
		must(b, tree.Shelve(p, h))
	}
}

func BenchmarkSwap(b *testing.B) {
	tree := benchTree(b)
	h := stage(b, tree, "h", "x")
	for b.Loop() {
		must(b, tree.Swap(h, "some/deep/directory/file"))
	}
}

func BenchmarkSetMeta(b *testing.B) {
	tree := benchTree(b)
	info, err := tree.Lstat("some/deep/directory/file")
	must(b, err)
	stamp, ns := info.Stamp, int64(1e18)
	for b.Loop() {
		ns++
		stamp, err = tree.SetMeta("some/deep/directory/file", vfs.Meta{Mode: 0o644, ModTime: ns, UID: -1, GID: -1}, stamp)
		must(b, err)
	}
}

func BenchmarkWriters(b *testing.B) {
	tree := benchTree(b)
	c, err := tree.Open("some/deep/directory/file")
	must(b, err)
	defer c.Close()
	for b.Loop() {
		c.Writers()
	}
}

func BenchmarkSyncDirs(b *testing.B) {
	for _, n := range []int{1, 16} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			tree := benchTree(b)
			var dirs []index.Path
			for i := range n {
				d := index.Path(fmt.Sprintf("d%d", i))
				_, err := tree.StageDir(vfs.Held{Area: vfs.Stage, Name: "d"}, vfs.Meta{Mode: 0o755, UID: -1, GID: -1})
				must(b, err)
				must(b, tree.Place(vfs.Held{Area: vfs.Stage, Name: "d"}, d))
				dirs = append(dirs, d)
			}
			h := stage(b, tree, "h", "x")
			for b.Loop() {
				for _, d := range dirs {
					must(b, tree.Place(h, d+"/f"))
					must(b, tree.Shelve(d+"/f", h))
				}
				must(b, tree.SyncDirs(dirs))
			}
		})
	}
}

// BenchmarkSyncSeen syncs new files of 4 KiB in one directory, each by itself
// and all together: where the two cross is what `many` is.
func BenchmarkSyncSeen(b *testing.B) {
	for _, n := range []int{1, 16, 64, 256, 1024} {
		for how, many := range map[string]int{"apart": 1 << 30, "together": 0} {
			b.Run(fmt.Sprintf("%s/%d", how, n), func(b *testing.B) {
				defer vfs.SetMany(many)()
				root := filepath.Join(b.TempDir(), "root")
				must(b, os.Mkdir(root, 0o755))
				tree := openTree(b, root, vfs.Options{})
				content := make([]byte, 4<<10)
				for b.Loop() {
					b.StopTimer()
					seen := make([]vfs.Seen, n)
					for i := range seen {
						p := index.Path(fmt.Sprint(i))
						write(b, filepath.Join(root, string(p)), string(content))
						info, err := tree.Lstat(p)
						must(b, err)
						seen[i] = vfs.Seen{Path: p, Stamp: info.Stamp}
					}
					b.StartTimer()
					must(b, errors.Join(tree.SyncSeen(seen)...))
				}
			})
		}
	}
}
