package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"duet/store/index"
)

func tempIndex(tb testing.TB) string { return filepath.Join(tb.TempDir(), "images.db") }

// openTest opens an index that is closed with the test.
func openTest(tb testing.TB, path string) *Store {
	tb.Helper()
	s := openWith(tb, path, Options{Share: "images", Node: testNode})
	tb.Cleanup(func() { closeTest(tb, s) })
	return s
}

func openWith(tb testing.TB, path string, o Options) *Store {
	tb.Helper()
	s, err := Open(path, o)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func closeTest(tb testing.TB, s *Store) {
	tb.Helper()
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}
}

func update(tb testing.TB, s *Store, f func(*Tx) error) {
	tb.Helper()
	if err := s.Update(f); err != nil {
		tb.Fatal(err)
	}
}

// view ends the transaction also where f leaves by tb.Fatal: the index could not
// be closed, and the test would hang instead of failing.
func view(tb testing.TB, s *Store, f func(*Tx) error) {
	tb.Helper()
	err := s.View(func(tx *Tx) error {
		returned := false
		defer func() {
			if !returned {
				_ = tx.bolt.Rollback()
			}
		}()
		err := f(tx)
		returned = true
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// complaints returns what Check says.
func complaints(tb testing.TB, s *Store, o CheckOptions) []string {
	tb.Helper()
	var out []string
	view(tb, s, func(tx *Tx) error {
		for err := range Check(tx, o) {
			out = append(out, err.Error())
		}
		return nil
	})
	return out
}

func checkStore(tb testing.TB, s *Store) {
	tb.Helper()
	for _, c := range complaints(tb, s, CheckOptions{}) {
		tb.Errorf("check: %s", c)
	}
}

func metaOf(tb testing.TB, s *Store) (m Meta) {
	tb.Helper()
	view(tb, s, func(tx *Tx) (err error) { m, err = tx.Meta(); return err })
	return m
}

// file is a small file's entry; its content is named by one byte.
func file(content byte, version index.Version) *index.Entry {
	return &index.Entry{
		Kind: index.File, Hash: index.Hash{content, 9}, Size: int64(content), ModTime: 1e18 + int64(content), Mode: 0o644,
		Owner: "webmgr", Group: "webmgr", Version: version, Origin: testNode,
	}
}

func stampOf(e *index.Entry) index.Stamp {
	if !e.Live() {
		return index.Stamp{}
	}
	return index.Stamp{Ino: 7, Size: e.Size, ModTime: e.ModTime, Ctime: 2e18, Mode: 0o100000 | e.Mode, UID: 1, GID: 1}
}

// recordOf is the record of p, a new one if there is none.
func recordOf(tx *Tx, p index.Path) (*index.Record, error) {
	r, err := tx.Get(p)
	if r == nil {
		r = &index.Record{Path: p}
	}
	return r, err
}

// edit is an own edit of p: e with the next position in its version.
func edit(tx *Tx, p index.Path, what index.What, e index.Entry) error {
	m, err := tx.Meta()
	if err != nil {
		return err
	}
	r, err := recordOf(tx, p)
	if err != nil {
		return err
	}
	pos := tx.Head() + 1
	if r.Ours != nil {
		e.Version = r.Ours.Version
	}
	e.Version = e.Version.With(m.Epoch, pos)
	r.Ours, r.Stamp, r.Pos, r.Next = &e, stampOf(&e), pos, index.Wait
	if err := tx.Put(r); err != nil {
		return err
	}
	_, err = tx.Note(index.Event{Path: p, What: what, How: index.ByWatch, Node: testNode, Time: int64(pos), Entry: &e})
	return err
}

// agree is the peer saying that it has p as it is here.
func agree(tx *Tx, p index.Path) error {
	m, err := tx.Meta()
	if err != nil {
		return err
	}
	r, err := tx.Get(p)
	if err != nil {
		return err
	}
	m.Heard++
	r.Theirs, r.Base, r.Heard, r.Next = r.Ours, r.Ours, m.Heard, index.Nothing
	return errors.Join(tx.Put(r), tx.PutMeta(m))
}

// hear is the peer announcing e for p, which has to be taken.
func hear(tx *Tx, p index.Path, e *index.Entry) error {
	m, err := tx.Meta()
	if err != nil {
		return err
	}
	r, err := recordOf(tx, p)
	if err != nil {
		return err
	}
	m.Heard++
	r.Theirs, r.Heard, r.Next = e, m.Heard, index.Take
	return errors.Join(tx.Put(r), tx.PutMeta(m))
}

func TestNewIndexAndReopen(t *testing.T) {
	t.Parallel()
	path := tempIndex(t)
	now := time.Unix(0x6721f0a1, 0)
	o := Options{Share: "images", Node: testNode, Now: func() time.Time { return now }, Random: func() uint64 { return 0xaaaaaaaa_00000007 }}
	s := openWith(t, path, o)
	first := metaOf(t, s)
	want := Meta{Format: newestFormat(migrations), Share: "images", Node: testNode, Epoch: 0x6721f0a1_00000007, Runs: []index.Run{{From: 0, ID: 0xaaaaaaaa_00000007}}}
	if fmt.Sprint(first) != fmt.Sprint(want) {
		t.Errorf("new index has meta %+v, want %+v", first, want)
	}
	update(t, s, func(tx *Tx) error { return edit(tx, "a", index.Created, *file(1, nil)) })
	update(t, s, func(tx *Tx) error {
		m, err := tx.Meta()
		m.Root, m.Peer, m.PartedWhy, m.Clean = index.Identity{Dev: 1, Fsid: 2, Ino: 3}, testPeer, strings.Repeat("x", 9999), true
		return errors.Join(err, tx.PutMeta(m))
	})
	closeTest(t, s)
	s = openWith(t, path, o)
	defer closeTest(t, s)
	again := metaOf(t, s)
	if again.Epoch != first.Epoch || len(again.Runs) != 2 || again.Runs[1].From != 1 ||
		again.Peer != testPeer || again.Root.Ino != 3 || len(again.PartedWhy) != maxText || !again.Clean {
		t.Errorf("after opening it again, meta is %+v", again)
	}
	checkStore(t, s)
}

func TestWrongShareAndOtherNode(t *testing.T) {
	t.Parallel()
	path := tempIndex(t)
	s := openWith(t, path, Options{Share: "images", Node: testNode})
	update(t, s, func(tx *Tx) error { return edit(tx, "a", index.Created, *file(1, nil)) })
	first := metaOf(t, s)
	closeTest(t, s)
	if _, err := Open(path, Options{Share: "cgi-bins", Node: testNode}); err == nil || !strings.Contains(err.Error(), "images") {
		t.Errorf("an index of another share: %v", err)
	}
	s = openWith(t, path, Options{Share: "images", Node: testPeer})
	defer closeTest(t, s)
	if m := metaOf(t, s); m.Epoch == first.Epoch || m.Node != testPeer {
		t.Errorf("an index copied from another node goes on in its epoch: %+v", m)
	}
	checkStore(t, s)
}

func TestLocked(t *testing.T) {
	t.Parallel()
	path := tempIndex(t)
	s := openTest(t, path)
	for _, o := range []Options{{}, {ReadOnly: true}} {
		start := time.Now()
		_, err := Open(path, o)
		if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), path) {
			t.Errorf("second open, read-only %v: %v", o.ReadOnly, err)
		}
		if took := time.Since(start); took > 100*lockWait { // a busy machine adds to it
			t.Errorf("it took %v to say so", took)
		}
	}
	update(t, s, func(tx *Tx) error { return edit(tx, "a", index.Created, *file(1, nil)) })
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	path := tempIndex(t)
	if _, err := Open(path, Options{ReadOnly: true}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an index that is not there: %v", err)
	}
	s := openWith(t, path, Options{})
	update(t, s, func(tx *Tx) error { return edit(tx, "a", index.Created, *file(1, nil)) })
	closeTest(t, s)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	one, two := openWith(t, path, Options{ReadOnly: true}), openWith(t, path, Options{ReadOnly: true})
	checkStore(t, one)
	if err := two.Update(func(tx *Tx) error { return nil }); err == nil {
		t.Error("an update of a read-only index succeeded")
	}
	closeTest(t, one)
	closeTest(t, two)
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("reading changed the file (%v)", err)
	}
}

// TestCommitHook is what a simulator does: an error before the commit is a
// crash that lost it, one after it a crash that did not.
func TestCommitHook(t *testing.T) {
	t.Parallel()
	crash := errors.New("crash")
	var at string
	s := openWith(t, tempIndex(t), Options{Commit: func(stage string) error {
		if stage == at {
			return crash
		}
		return nil
	}})
	defer closeTest(t, s)
	for _, test := range []struct {
		stage string
		there bool
	}{{"commit", false}, {"committed", true}} {
		at = test.stage
		err := s.Update(func(tx *Tx) error { return edit(tx, "a", index.Created, *file(1, nil)) })
		if !errors.Is(err, crash) {
			t.Errorf("%s: %v", test.stage, err)
		}
		view(t, s, func(tx *Tx) error {
			if r, err := tx.Get("a"); err != nil || (r != nil) != test.there {
				t.Errorf("%s: record %v, %v", test.stage, r, err)
			}
			return nil
		})
		checkStore(t, s)
	}
}

// TestUndone holds that nothing of an Update that fails is seen, neither on
// disk nor in what is kept in memory.
func TestUndone(t *testing.T) {
	t.Parallel()
	s := openTest(t, tempIndex(t))
	no := errors.New("no")
	err := s.Update(func(tx *Tx) error {
		if err := edit(tx, "a", index.Created, *file(1, nil)); err != nil {
			return err
		}
		_, err := tx.AddKept(index.Kept{Path: "a", Reason: index.Removed})
		return errors.Join(no, err)
	})
	if !errors.Is(err, no) {
		t.Fatal(err)
	}
	func() {
		defer func() {
			if p := recover(); p != "bug" {
				t.Errorf("a panic of the caller became %v", p)
			}
		}()
		s.Update(func(tx *Tx) error { edit(tx, "b", index.Created, *file(2, nil)); panic("bug") })
	}()
	view(t, s, func(tx *Tx) error {
		c, err := tx.Counts()
		if err != nil || c != (Counts{}) || tx.Head() != 0 {
			t.Errorf("counts %+v, head %d, %v", c, tx.Head(), err)
		}
		return nil
	})
	update(t, s, func(tx *Tx) error { return edit(tx, "a", index.Created, *file(1, nil)) })
	checkStore(t, s)
}

func TestCopyTo(t *testing.T) {
	t.Parallel()
	s := openTest(t, tempIndex(t))
	write := func(n int) {
		update(t, s, func(tx *Tx) error {
			return edit(tx, index.Path(fmt.Sprintf("f%04d", n)), index.Created, *file(byte(n), nil))
		})
	}
	for n := range 50 {
		write(n)
	}
	// Updates go on while the copy is taken; it shows the state at its start.
	n := 50
	path := filepath.Join(t.TempDir(), "copy.db")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	size, err := s.CopyTo(writerFunc(func(b []byte) (int, error) {
		write(n)
		n++
		return f.Write(b)
	}))
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != size {
		t.Errorf("CopyTo said %d bytes: %v, %v", size, info, err)
	}
	if n == 50 {
		t.Fatal("nothing was written meanwhile")
	}
	copied := openWith(t, path, Options{ReadOnly: true})
	defer closeTest(t, copied)
	checkStore(t, copied)
	view(t, copied, func(tx *Tx) error {
		if c, err := tx.Counts(); err != nil || c.Files != 50 {
			t.Errorf("copy has %d files, %v", c.Files, err)
		}
		return nil
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func TestPruneRuns(t *testing.T) {
	t.Parallel()
	var runs []index.Run
	for i := range 3 * maxRuns {
		// Every fourth run writes something.
		runs = pruneRuns(append(runs, index.Run{From: index.Seq(i / 4), ID: uint64(i)}))
	}
	if len(runs) != maxRuns || runs[maxRuns-1].ID != 3*maxRuns-1 {
		t.Fatalf("%d runs, the last is %d", len(runs), runs[len(runs)-1].ID)
	}
	if !slices.IsSortedFunc(runs, func(a, b index.Run) int { return int(a.ID) - int(b.ID) }) {
		t.Error("runs are out of order")
	}
	wrote := 0
	for i, r := range runs[:len(runs)-1] {
		if runs[i+1].From != r.From {
			wrote++
		}
	}
	if wrote < 3*maxRuns/4-1 {
		t.Errorf("%d runs that wrote something were kept", wrote)
	}
}

// TestMigration makes a file of format 1 whose records are not what they are
// today, and opens it with a version of Duet that has two formats more.
func TestMigration(t *testing.T) {
	t.Parallel()
	path := tempIndex(t)
	s, err := open(path, Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	update(t, s, func(tx *Tx) error { return edit(tx, "a", index.Created, *file(1, nil)) })
	err = s.db.Update(func(b *bolt.Tx) error {
		raw := b.Bucket(recordBucket).Get([]byte("a"))
		return errors.Join(b.Bucket(recordBucket).Put([]byte("a"), append([]byte("old:"), raw...)), b.DeleteBucket(keptHashBucket))
	})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	crash := errors.New("crash")
	fail := true
	steps := []migration{
		func(b *bolt.Tx) error { _, err := b.CreateBucket(keptHashBucket); return err },
		func(b *bolt.Tx) error {
			c := b.Bucket(recordBucket)
			raw, ok := bytes.CutPrefix(bytes.Clone(c.Get([]byte("a"))), []byte("old:"))
			if !ok {
				return errors.New("was changed already")
			}
			if err := c.Put([]byte("a"), raw); err != nil || !fail {
				return err
			}
			return crash
		},
	}
	for range migrations {
		steps = append(steps, func(*bolt.Tx) error { return nil })
	}
	if _, err := open(path, Options{ReadOnly: true}, steps); !errors.Is(err, ErrFormat) {
		t.Errorf("an old format, read-only: %v", err)
	}
	if _, err := open(path, Options{}, steps); !errors.Is(err, crash) {
		t.Errorf("a migration that fails: %v", err)
	}
	fail = false
	if s, err = open(path, Options{}, steps); err != nil {
		t.Fatal(err)
	}
	if m := metaOf(t, s); m.Format != newestFormat(steps) {
		t.Errorf("format %d after migration", m.Format)
	}
	checkStore(t, s)
	closeTest(t, s)
	if _, err := Open(path, Options{}); !errors.Is(err, ErrFormat) {
		t.Errorf("a newer format: %v", err)
	}
}
