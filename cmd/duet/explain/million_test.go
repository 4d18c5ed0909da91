package explain

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"duet/cmd/duet/inspect"
	"duet/store"
	"duet/store/index"
)

// million is how many paths BenchmarkMillion has; DUET_MILLION says another number.
func million() int {
	if n, err := strconv.Atoi(os.Getenv("DUET_MILLION")); err == nil {
		return n
	}
	return 1_000_000
}

func pathOf(i int) index.Path {
	return index.Path(fmt.Sprintf("contents/images/%04d/product-%07d.jpg", i/100, i))
}

// large makes an index of that many paths on which both agree, of which one in
// ten was changed since, one in a hundred deleted, and one changed 500 times. An
// index that an earlier run began, in a file that stays, is gone on with: each
// step of its making has one event.
func large(tb testing.TB, n int, file string) *store.Store {
	tb.Helper()
	st, err := store.Open(file, store.Options{Share: "s", Node: self})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { st.Close() })
	var done int
	if err := st.View(func(tx *store.Tx) error { done = int(tx.Head()); return nil }); err != nil {
		tb.Fatal(err)
	}
	batch := func(count int, f func(tx *store.Tx, m *store.Meta, i int) error) {
		first := min(done, count)
		done -= first
		for from := first; from < count; from += 5000 {
			err := st.Update(func(tx *store.Tx) error {
				m, err := tx.Meta()
				if err != nil {
					return err
				}
				for i := from; i < min(from+5000, count); i++ {
					if err := f(tx, &m, i); err != nil {
						return err
					}
				}
				return tx.PutMeta(m)
			})
			if err != nil {
				tb.Fatal(err)
			}
		}
	}
	edit := func(tx *store.Tx, m *store.Meta, p index.Path, what index.What, gone bool) error {
		pos := tx.Head() + 1
		e := content(1, self, at(m.Epoch, pos))
		binary.BigEndian.PutUint64(e.Hash[:], uint64(pos)*0x9e3779b97f4a7c15)
		e.Size, e.ModTime = int64(pos), int64(pos)*1e9
		s := index.Stamp{Ino: uint64(pos), Size: e.Size, ModTime: e.ModTime, Ctime: e.ModTime, Mode: 0o100644}
		if gone {
			e, s = &index.Entry{Kind: index.Gone, Origin: self, Version: e.Version}, index.Stamp{}
		}
		if _, err := tx.Note(index.Event{Path: p, What: what, How: index.ByWatch, Node: self, Time: int64(pos) * 1e9, Entry: e}); err != nil {
			return err
		}
		m.Peer, m.PeerEpoch, m.Heard = peer, peerEpoch, pos
		return tx.Put(&index.Record{Path: p, Ours: e, Base: e, Theirs: e, Stamp: s, Pos: pos, Heard: pos})
	}
	batch(n, func(tx *store.Tx, m *store.Meta, i int) error { return edit(tx, m, pathOf(i), index.Created, false) })
	batch(n/10, func(tx *store.Tx, m *store.Meta, i int) error {
		return edit(tx, m, pathOf(i*7919%n), index.Changed, false)
	})
	batch(500, func(tx *store.Tx, m *store.Meta, i int) error { return edit(tx, m, pathOf(n/2), index.Changed, false) })
	batch(n/100, func(tx *store.Tx, m *store.Meta, i int) error {
		p := pathOf(i*100 + 7)
		if err := edit(tx, m, p, index.Deleted, true); err != nil {
			return err
		}
		return tx.Delete(p) // both know
	})
	return st
}

// BenchmarkMillion says how long questions take on an index of a million paths.
// None may read all of it. Run it with
//
//	go test ./cmd/duet/explain -run - -bench Million -benchtime 20x
func BenchmarkMillion(b *testing.B) {
	if testing.Short() {
		b.Skip("makes an index of a million paths")
	}
	n := million()
	begun := time.Now()
	file := os.Getenv("DUET_MILLION_FILE") // that stays, so that it can be made in several runs
	if file == "" {
		file = filepath.Join(b.TempDir(), "s.db")
	}
	st := large(b, n, file)
	info, err := os.Stat(st.Path())
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d paths in %v: %d MB, %d bytes a path", n, time.Since(begun).Round(time.Second), info.Size()>>20, info.Size()/int64(n))
	set := Setting{Self: "a", Peer: "b", Root: b.TempDir()}
	ask := func(name string, f func(tx *store.Tx) error) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := st.View(f); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/question")
		})
	}
	query := func(name string, q inspect.Query) {
		q.Share = "s"
		ask(name, func(tx *store.Tx) error { return inspect.Run(tx, q, st.Path(), io.Discard) })
	}
	explain := func(name string, p index.Path) {
		ask(name, func(tx *store.Tx) error {
			_, err := Explain(tx, Question{Share: "s", Path: string(p)}, set)
			return err
		})
	}
	dir := string(pathOf(n / 2).Parent())
	query("ls of a directory", inspect.Query{Kind: inspect.Ls, Pattern: dir})
	query("ls of a glob in a directory", inspect.Query{Kind: inspect.Ls, Pattern: dir + "/*7.jpg"})
	query("show", inspect.Query{Kind: inspect.Show, Pattern: string(pathOf(5)), Exact: true})
	query("history of a path", inspect.Query{Kind: inspect.History, Pattern: string(pathOf(n / 2))})
	query("history of a deleted path", inspect.Query{Kind: inspect.History, Pattern: string(pathOf(107))})
	query("history of a directory", inspect.Query{Kind: inspect.History, Pattern: dir})
	query("newest history of everything below", inspect.Query{Kind: inspect.History, Pattern: "contents", Limit: 20})
	query("log of a path", inspect.Query{Kind: inspect.Log, Pattern: string(pathOf(n / 2)), Limit: 50})
	query("last lines of the log", inspect.Query{Kind: inspect.Log, Limit: 50})
	query("stats", inspect.Query{Kind: inspect.StatsOf})
	query("completion", inspect.Query{Kind: inspect.Complete, Pattern: dir + "/p"})
	query("completion at the top", inspect.Query{Kind: inspect.Complete, Pattern: "contents/images/"})
	explain("explain", pathOf(n/2))
	explain("explain a deleted path", pathOf(107))
	explain("explain what nobody heard of", "contents/nowhere/product-x.jpg")
}

// Questions about one path read a part of the index that does not grow with it:
// this counts what is read, and not the time that it takes.
func TestQuestionsReadLittle(t *testing.T) {
	small, big := large(t, 300, filepath.Join(t.TempDir(), "s.db")), large(t, 6000, filepath.Join(t.TempDir(), "s.db"))
	for name, f := range map[string]func(st *store.Store) error{
		"explain": func(st *store.Store) error {
			return st.View(func(tx *store.Tx) error {
				_, err := Explain(tx, Question{Share: "s", Path: string(pathOf(7))}, Setting{Self: "a", Peer: "b", Root: t.TempDir()})
				return err
			})
		},
		"history": func(st *store.Store) error {
			return st.View(func(tx *store.Tx) error {
				return inspect.Run(tx, inspect.Query{Kind: inspect.History, Share: "s", Pattern: string(pathOf(7))}, "", io.Discard)
			})
		},
		"ls": func(st *store.Store) error {
			return st.View(func(tx *store.Tx) error {
				return inspect.Run(tx, inspect.Query{Kind: inspect.Ls, Share: "s", Pattern: string(pathOf(7).Parent())}, "", io.Discard)
			})
		},
		"stats": func(st *store.Store) error {
			return st.View(func(tx *store.Tx) error {
				return inspect.Run(tx, inspect.Query{Kind: inspect.StatsOf, Share: "s"}, "", io.Discard)
			})
		},
	} {
		cost := func(st *store.Store) float64 {
			return testing.AllocsPerRun(3, func() {
				if err := f(st); err != nil {
					t.Fatal(err)
				}
			})
		}
		if few, many := cost(small), cost(big); many > 2*few+200 {
			t.Errorf("%s allocates %.0f times with 300 paths, and %.0f times with 6000", name, few, many)
		}
	}
}
