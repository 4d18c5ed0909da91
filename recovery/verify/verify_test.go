package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"duet/scan"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// node is a tree and its index.
type node struct {
	t    *testing.T
	root string
	st   *store.Store
	Options
}

func newNode(t *testing.T, files map[string]string) *node {
	t.Helper()
	n := &node{t: t, root: filepath.Join(t.TempDir(), "tree")}
	if err := os.Mkdir(n.root, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		n.write(name, content)
	}
	tree, err := vfs.Open(n.root, vfs.Options{Name: "s"})
	if err != nil {
		t.Fatal(err)
	}
	n.st, err = store.Open(filepath.Join(t.TempDir(), "s.db"), store.Options{Share: "s", Node: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tree.Close(); n.st.Close() })
	n.Options = Options{
		Files: tree, Facts: scan.Facts{Owners: vfs.NewOwners(), Node: 1}, Content: true,
		Get: func(p index.Path) (r *index.Record, err error) {
			err = n.st.View(func(tx *store.Tx) error { r, err = tx.Get(p); return err })
			return r, err
		},
		Lookup: func(from, under index.Path, max int) (rs []index.Sealed, err error) {
			err = n.st.View(func(tx *store.Tx) error {
				rs, err = tx.Portion(from, under, max)
				return err
			})
			return rs, err
		},
	}
	n.scan()
	return n
}

func (n *node) write(name, content string) {
	n.t.Helper()
	path := filepath.Join(n.root, name)
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if to, ok := strings.CutPrefix(content, "-> "); ok {
		err = errors.Join(err, os.Symlink(to, path))
	} else {
		err = errors.Join(err, os.WriteFile(path, []byte(content), 0o644))
	}
	if err != nil {
		n.t.Fatal(err)
	}
}

// scan brings the index up to date.
func (n *node) scan() {
	n.t.Helper()
	time.Sleep(2 * scan.Tick) // a change time of now is looked at again
	seq := index.Seq(1000)
	_, err := scan.Walk(context.Background(), scan.WalkOptions{
		Files: n.Files, Facts: n.Facts, Lookup: n.Lookup, Get: n.Get,
		Emit: func(found []scan.Finding, problems []scan.Problem) error {
			for _, p := range problems {
				n.t.Errorf("%v: %v", p.Path, p.Err)
			}
			return n.st.Update(func(tx *store.Tx) error {
				for _, f := range found {
					if f.Entry == nil {
						continue
					}
					seq++
					e := *f.Entry
					e.Version = index.Version{{Epoch: 1, Seq: seq}}
					pos, err := tx.Note(index.Event{Path: f.Path, What: f.What, How: index.ByScan, Node: 1, Entry: &e})
					if err != nil {
						return err
					}
					if err := tx.Put(&index.Record{Path: f.Path, Ours: &e, Stamp: f.Now, Pos: pos, Next: index.Wait}); err != nil {
						return err
					}
				}
				return nil
			})
		},
	})
	if err != nil {
		n.t.Fatal(err)
	}
}

// pretend makes the index believe that a path has always been as it is now on
// disk, but for its content: silent corruption.
func (n *node) pretend(p index.Path) {
	n.t.Helper()
	info, err := n.Files.Lstat(p)
	if err != nil {
		n.t.Fatal(err)
	}
	err = n.st.Update(func(tx *store.Tx) error {
		r, err := tx.Get(p)
		if err != nil {
			return err
		}
		r.Stamp = info.Stamp
		return tx.Put(r)
	})
	if err != nil {
		n.t.Fatal(err)
	}
}

// run verifies, and returns "what path: detail" of each finding.
func (n *node) run() ([]string, Totals) {
	n.t.Helper()
	var lines []string
	o := n.Options
	o.Emit = func(f Finding) error {
		lines = append(lines, fmt.Sprintf("%s %v: %s", f.What, f.Path, f.Detail))
		return nil
	}
	sum, err := Run(context.Background(), o)
	if err != nil {
		n.t.Fatal(err)
	}
	return lines, sum
}

func want(t *testing.T, got []string, starts ...string) {
	t.Helper()
	ok := len(got) == len(starts)
	for i := range got {
		ok = ok && strings.HasPrefix(got[i], starts[i])
	}
	if !ok {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(starts, "\n"))
	}
}

var small = map[string]string{"a": "one", "d/b": "two", "d/link": "-> b", "empty": "", "z": strings.Repeat("z", 700_000)}

func TestAllIsWell(t *testing.T) {
	n := newNode(t, small)
	got, sum := n.run()
	want(t, got)
	if sum.Paths != 6 || sum.Files != 4 || sum.Bytes != 700_006 || sum.Busy != 0 || len(sum.Found) != 0 {
		t.Errorf("%+v", sum)
	}
}

// What only the content tells is found, and told from an edit.
func TestSilentCorruption(t *testing.T) {
	n := newNode(t, small)
	n.write("d/b", "twO")
	n.write("z", strings.Repeat("z", 699_999)+"Z")
	if err := os.Remove(filepath.Join(n.root, "d/link")); err != nil {
		t.Fatal(err)
	}
	n.write("d/link", "-> a")
	for _, p := range []index.Path{"d/b", "d/link", "z"} {
		n.pretend(p)
	}
	got, sum := n.run()
	want(t, got, "corrupt d/b: its hash is ", "corrupt d/link: it points to a, and did to b", "corrupt z: its hash is ")
	if sum.Found[Corrupt] != 3 {
		t.Errorf("%+v", sum)
	}
	n.Under = "d"
	got, _ = n.run()
	want(t, got, "corrupt d/b", "corrupt d/link")
	n.Under = "z"
	got, _ = n.run()
	want(t, got, "corrupt z")
	n.Content = false
	got, _ = n.run()
	want(t, got)
}

// A change that nobody noticed is no damage, and one that somebody is about to
// look at, or has looked at by now, is nothing at all.
func TestMissed(t *testing.T) {
	n := newNode(t, small)
	n.write("a", "another")
	n.write("new", "x")
	if err := errors.Join(os.Remove(filepath.Join(n.root, "empty")), os.Chmod(filepath.Join(n.root, "d"), 0o700)); err != nil {
		t.Fatal(err)
	}
	got, sum := n.run()
	slices.Sort(got)
	want(t, got, "missed a: has changed: 7 bytes, was 3", "missed d: has changed: mode 0700, was 0755", "missed empty: is gone", "missed new: is there, and not in the index")
	if sum.Found[Missed] != 4 {
		t.Errorf("%+v", sum)
	}
	n.InHand = func(p index.Path) bool { return p != "new" }
	got, _ = n.run()
	want(t, got, "missed new")
	n.InHand = nil
	// The watcher does its work within the time of grace, which ends only when
	// there is nothing left to do.
	synctest.Test(t, func(t *testing.T) {
		o, found := n.Options, 0
		o.Grace = time.Minute
		o.Emit = func(f Finding) error { t.Errorf("%s %s", f.What, f.Path); return nil }
		o.InHand = func(index.Path) bool { found++; return false }
		done := make(chan error)
		go func() { _, err := Run(t.Context(), o); done <- err }()
		synctest.Wait() // all was looked at once
		n.scan()
		if err := <-done; err != nil || found != 4 {
			t.Errorf("%d were looked at again, %v", found, err)
		}
	})
}

// fragile is a tree on a disk that does not give everything back.
type fragile struct {
	vfs.Files
	open func(vfs.Content, index.Path) (vfs.Content, error)
}

func (f fragile) Open(p index.Path) (vfs.Content, error) {
	c, err := f.Files.Open(p)
	if err != nil {
		return c, err
	}
	return f.open(c, p)
}

type reads struct {
	vfs.Content
	read func([]byte) (int, error)
}

func (r reads) ReadAt(b []byte, _ int64) (int, error) { return r.read(b) }

func TestUnreadable(t *testing.T) {
	n := newNode(t, small)
	tree := n.Files
	n.Files = fragile{tree, func(c vfs.Content, p index.Path) (vfs.Content, error) {
		switch p {
		case "a":
			return reads{c, func([]byte) (int, error) { return 0, &os.PathError{Op: "read", Path: "a", Err: syscall.EIO} }}, nil
		case "d/b":
			c.Close()
			return nil, os.ErrPermission
		}
		return c, nil
	}}
	got, _ := n.run()
	want(t, got, "unreadable a: read a: input/output error", "failed d/b: permission denied")
}

// What is wrong only once is no damage of the file's.
func TestReadWrongOnce(t *testing.T) {
	n := newNode(t, small)
	opened := 0
	n.Files = fragile{n.Files, func(c vfs.Content, p index.Path) (vfs.Content, error) {
		if opened++; p != "a" || opened > 1 {
			return c, nil
		}
		return reads{c, func(b []byte) (int, error) { return copy(b, "onE"), io.EOF }}, nil
	}}
	got, _ := n.run()
	want(t, got, "failed a: was read wrong once")
}

// A file that somebody has open for writing may be about to change: its times
// do not tell yet.
func TestOpenForWriting(t *testing.T) {
	n := newNode(t, small)
	n.write("a", "onE")
	n.pretend("a")
	f, err := os.OpenFile(filepath.Join(n.root, "a"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	got, sum := n.run()
	want(t, got)
	if sum.Busy != 1 {
		t.Errorf("%+v", sum)
	}
	f.Close()
	got, _ = n.run()
	want(t, got, "corrupt a")
}

// What was edited while it was read, or since it was found, is no damage.
func TestEditedMeanwhile(t *testing.T) {
	n := newNode(t, small)
	n.write("a", "onE")
	n.pretend("a")
	get := n.Get
	n.Get = func(p index.Path) (*index.Record, error) {
		n.write("a", "an edit")
		n.scan()
		return get(p)
	}
	got, sum := n.run()
	want(t, got)
	if sum.Busy != 1 {
		t.Errorf("%+v", sum)
	}
}

func TestRate(t *testing.T) {
	n := newNode(t, map[string]string{"big": strings.Repeat("x", 1<<20)})
	n.Rate = 2 << 20
	began := time.Now()
	n.run()
	if took := time.Since(began); took < 350*time.Millisecond { // the first block is free
		t.Errorf("1 MiB at 2 MiB/s took %v", took)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n.Rate, n.Options.Emit = 1, func(Finding) error { return nil }
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := Run(ctx, n.Options); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
