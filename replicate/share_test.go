package replicate_test

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"duet/replicate"
	"duet/store/index"
)

func nodeID(n uint64) index.NodeID { return index.NodeID(n) }

func TestFirstSync(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	for i := range 50 {
		p.a.write(fmt.Sprintf("dir%d/file%d", i%5, i), fmt.Sprint("content ", i))
	}
	p.a.write("empty", "")
	if err := os.Symlink("dir1/file1", filepath.Join(p.a.root, "link")); err != nil {
		t.Fatal(err)
	}
	p.b.write("mine", "b's own")
	p.start()
	p.settle()
}

func TestLive(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.start()
	p.settle()
	p.a.write("x", "1")
	p.b.write("d/y", "2")
	p.settle()
	p.a.write("x", "longer")
	p.b.remove("d")
	p.settle()
	if got := list(t, p.a.root); got == "" || p.b.read("x") != "longer" {
		t.Errorf("got\n%s", got)
	}
	p.a.wantsNone("d")
}

func TestOutage(t *testing.T) {
	t.Parallel()
	for _, deletes := range []string{"track", "running"} {
		t.Run(deletes, func(t *testing.T) {
			p := newPair(t, func(c *replicate.Config) { c.Deletes = deletes })
			p.a.write("a-deletes", "1")
			p.a.write("b-deletes", "2")
			p.a.write("both", "base\n")
			p.start()
			p.settle()
			p.a.stop()
			p.b.stop()
			p.a.remove("a-deletes")
			p.a.write("both", "base\na's line\n")
			p.a.write("a-new", "3")
			time.Sleep(20 * time.Millisecond) // b's edit is the newer one
			p.b.remove("b-deletes")
			p.b.write("both", "base\nb's longer line\n")
			p.b.write("b-new", "4")
			p.start()
			p.settle()
			if got := p.a.read("both"); got != "base\nb's longer line\n" {
				t.Errorf("both: %q", got)
			}
			_, err := os.Lstat(filepath.Join(p.b.root, "a-deletes"))
			if gone := os.IsNotExist(err); gone != (deletes == "track") {
				t.Errorf("a-deletes gone: %v", gone)
			}
			if st := p.a.share.Status(); st.Kept == 0 || st.Conflicts != 1 {
				t.Errorf("a: %d kept, %d conflicts", st.Kept, st.Conflicts)
			}
			if st := p.b.share.Status(); st.Conflicts != 1 {
				t.Errorf("b: %d conflicts", st.Conflicts)
			}
		})
	}
}

// A directory that was renamed is moved with all that is in it, by one call.
func TestDirectoryRename(t *testing.T) {
	p := newPair(t, nil)
	for _, f := range []string{"a/old/f", "a/old/g", "a/old/sub/h", "a/old/sub/deep/i", "b/x"} {
		p.a.write(f, "content of "+f)
	}
	p.start()
	p.settle()
	inode := func(name string) uint64 {
		info, err := os.Stat(filepath.Join(p.b.root, name))
		if err != nil {
			t.Fatal(err)
		}
		return info.Sys().(*syscall.Stat_t).Ino
	}
	dir, sub := inode("a/old"), inode("a/old/sub")
	if err := os.Rename(filepath.Join(p.a.root, "a/old"), filepath.Join(p.a.root, "b/new")); err != nil {
		t.Fatal(err)
	}
	p.until("the new name", func() bool { return p.b.read("b/new/sub/deep/i") != "" })
	p.settle()
	if inode("b/new") != dir || inode("b/new/sub") != sub {
		t.Error("the directories were made anew")
	}
	if _, err := os.Lstat(filepath.Join(p.b.root, "a/old")); err == nil {
		t.Error("the old name is still there")
	}
}
