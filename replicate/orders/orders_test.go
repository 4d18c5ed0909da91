package orders

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"duet/diff"
	"duet/recovery/landing"
	"duet/replicate/book"
	"duet/replicate/install"
	"duet/replicate/looks"
	"duet/replicate/post"
	"duet/replicate/ruling"
	"duet/replicate/talk"
	"duet/scan"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// share is a share with a tree and an index, and a loop that does one thing after
// another while somebody waits for it.
type share struct {
	*Orders
	t     *testing.T
	root  string
	now   post.Now
	why   error // the tree must not be written
	end   context.CancelFunc
	held  int // sum of Hold
	holds int // calls of it
	halts []error
	queue []func()

	commit func(stage string) error // around each commit; may be nil
}

func newShare(t *testing.T) *share {
	t.Helper()
	s := &share{t: t, root: filepath.Join(t.TempDir(), "tree")}
	if err := os.Mkdir(s.root, 0o755); err != nil {
		t.Fatal(err)
	}
	tree, err := vfs.Open(s.root, vfs.Options{Name: "www"})
	if err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(filepath.Join(t.TempDir(), "s.db"), store.Options{Share: "www", Node: 1, Commit: func(stage string) error {
		if s.commit == nil {
			return nil
		}
		return s.commit(stage)
	}})
	if err != nil {
		t.Fatal(err)
	}
	rules, err := scan.ParseRules(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tree.Close(); st.Close() })
	ctx, end := context.WithCancel(t.Context())
	s.end, s.now = end, post.Now{Root: ctx, Files: tree, Ready: true}
	b := &book.Book{Store: st, Policy: diff.Policy{Self: 1, Peer: 2, Conflict: diff.Newer}, Rules: rules, Now: time.Now}
	s.Orders = New(Options{
		Node: "a", Peer: "b", Self: 1, Book: b, Names: 7,
		Env: install.Env{Env: landing.Env{Now: time.Now, Node: 1, Next: b.Next, Meta: func(e *index.Entry, _ *index.Record) vfs.Meta {
			return vfs.Meta{Mode: e.Mode, ModTime: e.ModTime, UID: -1, GID: -1}
		}}},
		Hold: func(by int) { s.held += by; s.holds++ },
		Loop: &post.Loop{
			Share: "www", Looks: looks.New(scan.NewDirtySet(time.Millisecond)),
			Now: func() post.Now { return s.now }, Check: func(vfs.Files) error { return s.why },
			Halt: func(err error) { s.halts = append(s.halts, err) }, Wrote: func() {},
			Start: s.later, Ask: s.later,
			Do: func(ctx context.Context, f func(done chan<- error)) error {
				if err := ctx.Err(); err != nil {
					return err
				}
				done := make(chan error, 1)
				for f(done); len(done) == 0; {
					next := s.queue[0]
					s.queue = s.queue[1:]
					next()
				}
				return <-done
			},
		},
	})
	return s
}

func (s *share) later(work func() func()) { s.queue = append(s.queue, func() { work()() }) }

// conflicts makes conflicts that the peer has won: what is in the tree is the peer's,
// and what was ours is kept there only.
func (s *share) conflicts(n int) {
	s.t.Helper()
	err := s.Book.Store.Update(func(tx *store.Tx) error {
		meta, err := tx.Meta()
		if err != nil {
			return err
		}
		for i := range n {
			p := index.Path(fmt.Sprintf("f%04d", i))
			if err := os.WriteFile(filepath.Join(s.root, string(p)), []byte("theirs"), 0o644); err != nil {
				return err
			}
			info, err := s.now.Files.Lstat(p)
			if err != nil {
				return err
			}
			e := index.Entry{Kind: index.File, Size: 6, Hash: scan.SumBytes([]byte("theirs")), Mode: 0o644, ModTime: info.Stamp.ModTime, Origin: 2,
				Version: index.Version{{Epoch: meta.Epoch, Seq: tx.Head() + 1}}}
			loser := e
			loser.Size, loser.Hash, loser.Origin = 4, scan.SumBytes([]byte("ours")), 1
			if _, err := tx.AddConflict(index.Conflict{Path: p, Time: 1, Winner: &e, Loser: &loser, Rule: "newer"}); err != nil {
				return err
			}
			pos, err := tx.Note(index.Event{Path: p, What: index.Created, How: index.ByScan, Node: 1, Entry: &e})
			if err != nil {
				return err
			}
			if err := tx.Put(&index.Record{Path: p, Ours: &e, Base: &e, Theirs: &e, Pos: pos, Heard: pos, Stamp: info.Stamp}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *share) open() (n int64) {
	s.t.Helper()
	if err := s.Book.Store.View(func(tx *store.Tx) error {
		found, err := ruling.Find(tx, nil)
		n = int64(len(found))
		return err
	}); err != nil {
		s.t.Fatal(err)
	}
	return n
}

func take(t *testing.T, word string) ruling.Order {
	t.Helper()
	c, err := diff.ParseChoice(word, nil)
	if err != nil {
		t.Fatal(err)
	}
	return ruling.Order{Take: c}
}

// While an order is carried out nothing that is kept expires, and afterwards it does,
// however the order ended.
func TestKeepingAll(t *testing.T) {
	s := newShare(t)
	broken := errors.New("broken off")
	ctx, cancel := context.WithCancel(t.Context())
	err := s.KeepingAll(ctx, func() error {
		if s.held != 1 {
			t.Errorf("held %d while it goes on", s.held)
		}
		cancel()
		return broken
	})
	if !errors.Is(err, broken) || s.held != 0 || s.holds != 2 {
		t.Errorf("%v; held %d after %d calls", err, s.held, s.holds)
	}
	if err := s.KeepingAll(ctx, func() error { t.Error("it was begun for who has gone"); return nil }); !errors.Is(err, context.Canceled) || s.held != 0 {
		t.Errorf("%v; held %d", err, s.held)
	}
}

// Without a root, or before it is scanned, nothing is settled, and the order says why.
func TestNoRoot(t *testing.T) {
	for want, spoil := range map[string]func(*share){
		"has no root now: the disk is out": func(s *share) { s.now.Root, s.now.Reason = nil, "the disk is out" },
		"is not scanned yet":               func(s *share) { s.now.Ready = false },
	} {
		s := newShare(t)
		s.conflicts(3)
		spoil(s)
		_, err := s.Resolve(t.Context(), take(t, "winner"), nil)
		if err == nil || !strings.Contains(err.Error(), want) || s.open() != 3 {
			t.Errorf("%v, %d open; want %q", err, s.open(), want)
		}
	}
	s := newShare(t)
	s.now.Root = nil
	if err := s.Restore(t.Context(), 1, ""); err == nil || !strings.Contains(err.Error(), "has no root") {
		t.Errorf("restore: %v", err)
	}
}

// If only the peer has some of the contents and is away, an order is refused whole,
// and a dry run says how many.
func TestAway(t *testing.T) {
	s := newShare(t)
	s.conflicts(3)
	order := take(t, "loser")
	done := func(int, int) { t.Error("something was begun") }
	if _, err := s.Resolve(t.Context(), order, done); !errors.Is(err, talk.ErrApart) || s.open() != 3 || s.held != 0 {
		t.Errorf("%v, %d open", err, s.open())
	}
	order.DryRun = true
	if out, err := s.Resolve(t.Context(), order, done); err != nil || out.Away != 3 || s.open() != 3 {
		t.Errorf("a dry run: %+v, %v", out, err)
	}
}

// Who stops an order stops it between two chunks: what is settled by then stays
// settled, and the same order does the rest.
func TestStopBetweenChunks(t *testing.T) {
	const n = 2*ruling.ChunkPaths + 50
	s := newShare(t)
	s.conflicts(n)
	ctx, cancel := context.WithCancel(t.Context())
	out, err := s.Resolve(ctx, take(t, "winner"), func(done, total int) {
		if done != ruling.ChunkPaths || total != n {
			t.Errorf("%d of %d", done, total)
		}
		cancel()
	})
	if !errors.Is(err, context.Canceled) || out.Kept != ruling.ChunkPaths || s.open() != n-ruling.ChunkPaths || s.held != 0 {
		t.Errorf("%v, %d done, %d open, held %d", err, out.Kept, s.open(), s.held)
	}
	out, err = s.Resolve(t.Context(), take(t, "winner"), nil)
	if err != nil || out.Kept != n-ruling.ChunkPaths || s.open() != 0 {
		t.Errorf("the rest: %v, %d done, %d open", err, out.Kept, s.open())
	}
}

// A chunk that has begun is brought to its end although its caller has gone: half of
// it must not be left to a replay.
func TestChunkIsBroughtToItsEnd(t *testing.T) {
	s := newShare(t)
	s.conflicts(5)
	ctx, cancel := context.WithCancel(t.Context())
	start := s.Loop.Start
	s.Loop.Start = func(work func() func()) {
		cancel()
		start(work)
	}
	if out, err := s.Resolve(ctx, take(t, "winner"), nil); err != nil || out.Kept != 5 || s.open() != 0 {
		t.Errorf("%v, %d done, %d open", err, out.Kept, s.open())
	}
}

// A root that is not what it was is not written, and halts the share; one that has
// gone meanwhile does so by itself.
func TestTreeMustNotBeWritten(t *testing.T) {
	s := newShare(t)
	s.conflicts(2)
	s.why = errors.New("another disk is mounted there")
	if _, err := s.Resolve(t.Context(), take(t, "winner"), nil); !errors.Is(err, s.why) || s.open() != 2 {
		t.Errorf("%v, %d open", err, s.open())
	}
	if len(s.halts) != 1 || !errors.Is(s.halts[0], s.why) {
		t.Errorf("halted by %v", s.halts)
	}
	s.why, s.halts = nil, nil
	s.now.Reason = "it was taken away"
	ask := s.Loop.Ask
	s.Loop.Ask = func(job func() func()) {
		s.end()
		ask(job)
	}
	if _, err := s.Resolve(t.Context(), take(t, "winner"), nil); err == nil || !strings.Contains(err.Error(), s.now.Reason) || s.open() != 2 || len(s.halts) != 0 {
		t.Errorf("%v, %d open, halted by %v", err, s.open(), s.halts)
	}
}

// No two contents are staged under one name, nor under one of another process.
func TestStageNames(t *testing.T) {
	s, seen := newShare(t), map[vfs.Held]bool{}
	for range 1000 {
		h := s.stage()
		if h.Area != vfs.Stage || seen[h] || !strings.HasPrefix(h.Name, "7-") {
			t.Fatalf("%+v", h)
		}
		seen[h] = true
	}
}
