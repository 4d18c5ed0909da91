package talk

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"duet/replicate/book"
	"duet/replicate/stock"
	"duet/replicate/transfer"
	"duet/replicate/wire"
	"duet/scan"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

const (
	windowFiles = 100
	windowSize  = 1000
)

// noteFiles writes files and notes that they were found.
func noteFiles(t *testing.T, st *store.Store, root string, how index.How, from, n, size int) {
	t.Helper()
	err := st.Update(func(tx *store.Tx) error {
		m, err := tx.Meta()
		for i := from; i < from+n; i++ {
			p := index.Path(fmt.Sprintf("file%03d", i))
			text := []byte(fmt.Sprintf("%0*d", size, i))
			if err := os.WriteFile(filepath.Join(root, string(p)), text, 0o644); err != nil {
				return err
			}
			e := &index.Entry{Kind: index.File, Hash: scan.SumBytes(text), Size: int64(size), ModTime: 5, Mode: 0o644, Origin: 1,
				Version: index.Version{{Epoch: m.Epoch, Seq: tx.Head() + 1}}}
			pos, err := tx.Note(index.Event{Path: p, What: index.Created, How: how, Node: 1, Time: 5, Entry: e})
			if err != nil {
				return err
			}
			if err := tx.Put(&index.Record{Path: p, Ours: e, Stamp: index.Stamp{Ino: 7, Size: int64(size)}, Pos: pos, Next: index.Wait}); err != nil {
				return err
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func windowTree(t *testing.T) (root string, files vfs.Files) {
	t.Helper()
	root = filepath.Join(t.TempDir(), "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	tree, err := vfs.Open(root, vfs.Options{Holding: filepath.Join(filepath.Dir(root), "holding")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tree.Close() })
	return root, tree
}

func agreedUpTo(pos index.Seq) *wire.Changes {
	return &wire.Changes{Changes: []wire.Change{{Pos: 1, Agreed: pos}}, Through: 1, Head: 1}
}

// No more contents go along than the peer can keep until it gets to them, and what
// a scan found waits for that; but not behind a save, nor if the peer takes nothing.
func TestWindow(t *testing.T) {
	root, files := windowTree(t)
	st, err := store.Open(filepath.Join(t.TempDir(), "s.db"), store.Options{Share: "s", Node: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	noteFiles(t, st, root, index.ByWatch, 0, 1, windowSize) // before the peer came
	noteFiles(t, st, root, index.ByScan, 1, windowFiles-1, windowSize)
	sess := New(context.Background(), nil, &book.Book{Store: st, Now: time.Now})
	defer sess.Close()
	sess.window.most, sess.window.few = 10*cost("file000", windowSize), 1
	tell := func(from index.Seq, told, with int) {
		t.Helper()
		if first, err := sess.hurry(files, &stock.Contents{Most: maxStock}, from); first != nil || err != nil {
			t.Fatalf("ahead of its turn: %+v, %v", first, err)
		}
		m, err := sess.compose(files, &stock.Contents{Most: maxStock}, from, false)
		if err != nil {
			t.Fatal(err)
		}
		if m == nil {
			m = &wire.Changes{Through: from}
		}
		got := 0
		for _, c := range m.Changes {
			if len(c.Content) > 0 {
				got++
			}
		}
		if len(m.Changes) != told || got != with || m.Through != from+index.Seq(told) {
			t.Fatalf("from %d: %d told up to %d, %d with their contents; want %d, %d", from, len(m.Changes), m.Through, got, told, with)
		}
	}
	agree := func(pos index.Seq) { sess.window.heard(agreedUpTo(pos), uint64(pos)) }
	tell(0, 10, 10)
	tell(10, 0, 0)
	agree(9)
	tell(10, 0, 0) // the peer has not got to all of the message
	agree(10)
	agree(3) // what it says of older positions takes nothing back
	tell(10, 10, 10)
	tell(20, 0, 0)
	sess.scanning.Store(true)
	tell(20, 80, 0) // while the first scan goes on nothing waits, if saves wait for their turn
	sess.ahead.can = true
	tell(20, 0, 0)
	sess.ahead.can = false
	sess.scanning.Store(false)
	tell(20, 0, 0)
	sess.window.since = time.Now().Add(-patience)
	tell(20, 80, 0)
	tell(20, 80, 0)
	agree(19)
	tell(20, 0, 0) // it takes something again
	noteFiles(t, st, root, index.ByWatch, windowFiles, 1, windowSize)
	noteFiles(t, st, root, index.ByScan, windowFiles+1, 1, worthWaiting+1)
	noteFiles(t, st, root, index.ByScan, windowFiles+2, 2, windowSize)
	tell(20, 82, 0) // up to the save, and what is too large to wait
	tell(102, 0, 0)
	tell(103, 1, 0) // the little that is left
}

// No more is told than the peer acknowledges in time; but to one whose
// acknowledgements come behind what is not heard yet, all is.
func TestDeaf(t *testing.T) {
	root, files := windowTree(t)
	st, err := store.Open(filepath.Join(t.TempDir(), "s.db"), store.Options{Share: "s", Node: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	noteFiles(t, st, root, index.ByScan, 0, 2, windowSize)
	sess := New(context.Background(), nil, &book.Book{Store: st, Now: time.Now})
	defer sess.Close()
	sess.window.told(1, maxOnTheWay, 0)
	tells := func(want bool) {
		t.Helper()
		m, err := sess.compose(files, &stock.Contents{Most: maxStock}, 1, false)
		if err != nil || (m != nil) != want {
			t.Fatalf("tells %+v, %v; want it to: %v", m, err, want)
		}
	}
	tells(false)
	sess.live.Store(uint64(Never))
	tells(true)
	sess.live.Store(1)
	tells(false)
	if !sess.window.hears(1) {
		t.Error("nothing waits for the acknowledgement")
	}
	tells(true)
	if sess.window.hears(2) {
		t.Error("something waits for the acknowledgement")
	}
}

// What waits for the peer to take what it was told goes on when that says so.
func TestFeedWaits(t *testing.T) {
	root, files := windowTree(t)
	sess, say, heard := both(t, make(chan struct{}))
	noteFiles(t, sess.book.Store, root, index.ByScan, 0, windowFiles, windowSize)
	if _, ok := heard().(*wire.Hello); !ok {
		t.Fatal("no hello")
	}
	sess.Begin(0, 0, 1, transfer.Options{})
	sess.Scanned(0)
	sess.window.most, sess.window.few = 10*cost("file000", windowSize), 0
	done := make(chan error, 2)
	go func() { done <- sess.Feed(files, 0) }()
	go func() { done <- sess.Read(Ear{Changes: func(*wire.Changes) { sess.Committed(1) }}) }()
	began := time.Now()
	for told := 0; told < windowFiles; {
		m, ok := heard().(*wire.Changes)
		if !ok || len(m.Changes) == 0 {
			t.Fatalf("heard %+v", m)
		}
		for _, c := range m.Changes {
			if len(c.Content) == 0 {
				t.Fatalf("%v came without its content", c.Path)
			}
		}
		told += len(m.Changes)
		say(agreedUpTo(m.Through))
	}
	if took := time.Since(began); took > windowFiles/10*patience/2 {
		t.Errorf("it took %v: nothing woke it", took)
	}
	sess.Close()
	sess.HangUp()
	<-done
	<-done
}

// Who lets the peer go on has told it before what was done here: what a person has just
// settled the peer would else decide by itself.
func TestReleasedAfterWhatWasSettled(t *testing.T) {
	root, files := windowTree(t)
	sess, _, heard := both(t, make(chan struct{}))
	if _, ok := heard().(*wire.Hello); !ok {
		t.Fatal("no hello")
	}
	noteFiles(t, sess.book.Store, root, index.ByScan, 0, windowFiles, windowSize)
	sess.Begin(0, 0, wire.Protocol, transfer.Options{})
	sess.Scanned(0)
	sess.window.most, sess.window.few = 10*cost("file000", windowSize), 0 // and not even for room it waits
	if !sess.Say(&wire.Control{Kind: wire.Release}) || !sess.Say(&wire.Ack{Stuck: wire.Stuck{For: wire.ForProblems, Text: "x"}}) {
		t.Fatal("there is no room to say it")
	}
	done := make(chan error, 1)
	go func() { done <- sess.Feed(files, 0) }()
	told := 0
	for {
		m := heard()
		if c, ok := m.(*wire.Changes); ok {
			told += len(c.Changes)
			continue
		}
		if _, ok := m.(*wire.Ack); ok {
			continue // nobody waits for the other with these
		}
		if c, ok := m.(*wire.Control); !ok || c.Kind != wire.Release || told < windowFiles {
			t.Errorf("after %d changes it says %+v", told, m)
		}
		break
	}
	if a, ok := heard().(*wire.Ack); !ok || a.Stuck.For != wire.ForProblems {
		t.Error("what was said meanwhile of this node, and is forgotten there now, is not said again")
	}
	sess.Close()
	sess.HangUp()
	<-done
}
