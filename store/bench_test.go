package store

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"duet/store/index"
)

const (
	testNode = index.NodeID(0xa1a2a3a4a5a6a7a8)
	testPeer = index.NodeID(0xb1b2b3b4b5b6b7b8)
)

// benchPaths are paths of about 40 bytes in walk order, as a web server has them.
func benchPaths(n int) []index.Path {
	paths := make([]index.Path, n)
	for i := range paths {
		paths[i] = index.Path(fmt.Sprintf("contents/images/%04d/product-%06d.jpg", i/100, i))
	}
	return paths
}

func benchFile(rnd *rand.Rand, epoch index.Epoch, pos index.Seq) (*index.Entry, index.Stamp) {
	e := &index.Entry{
		Kind: index.File, Size: 1000 + rnd.Int64N(1<<20), ModTime: 1763821234567890123 + rnd.Int64N(1<<50), Mode: 0o644,
		Owner: "webmgr", Group: "webmgr", Version: index.Version{{Epoch: epoch, Seq: pos}}, Origin: testNode,
	}
	for i := range e.Hash {
		e.Hash[i] = byte(rnd.Uint32())
	}
	s := index.Stamp{
		Ino: 1<<22 + uint64(pos), Size: e.Size, ModTime: e.ModTime, Ctime: e.ModTime + rnd.Int64N(1<<40),
		Mode: 0o100644, UID: 1001, GID: 1001,
	}
	return e, s
}

// ownEdits puts an own edit of each path, a batch in a transaction.
func ownEdits(tb testing.TB, s *Store, rnd *rand.Rand, paths []index.Path, batch int) {
	for len(paths) > 0 {
		n := min(batch, len(paths))
		update(tb, s, func(tx *Tx) error {
			m, err := tx.Meta()
			if err != nil {
				return err
			}
			for _, p := range paths[:n] {
				e, st := benchFile(rnd, m.Epoch, tx.Head()+1)
				pos, err := tx.Note(index.Event{
					Path: p, What: index.Created, How: index.ByScan, Node: testNode,
					Time: 1763821234567890123 + rnd.Int64N(1<<40), Entry: e,
				})
				if err != nil {
					return err
				}
				if err := tx.Put(&index.Record{Path: p, Ours: e, Stamp: st, Pos: pos, Next: index.Wait}); err != nil {
					return err
				}
			}
			return nil
		})
		paths = paths[n:]
	}
}

// agreements puts, for each path, that the peer has the same.
func agreements(tb testing.TB, s *Store, paths []index.Path, batch int) {
	for len(paths) > 0 {
		n := min(batch, len(paths))
		update(tb, s, func(tx *Tx) error {
			m, err := tx.Meta()
			if err != nil {
				return err
			}
			for _, p := range paths[:n] {
				r, err := tx.Get(p)
				if err != nil {
					return err
				}
				m.Heard++
				r.Base, r.Theirs, r.Heard, r.Next = r.Ours, r.Ours, m.Heard, index.Nothing
				if err := tx.Put(r); err != nil {
					return err
				}
			}
			return tx.PutMeta(m)
		})
		paths = paths[n:]
	}
}

// adoptions puts what the peer says, and then that it was installed.
func adoptions(tb testing.TB, s *Store, rnd *rand.Rand, paths []index.Path, batch int) {
	const peerEpoch = 0x6721f0a1_01020304
	for chunk := range slices.Chunk(paths, batch) {
		update(tb, s, func(tx *Tx) error {
			m, err := tx.Meta()
			if err != nil {
				return err
			}
			for _, p := range chunk {
				m.Heard++
				e, _ := benchFile(rnd, peerEpoch, m.Heard)
				seen := index.Sighting{How: index.ByScan, Time: 1763821234567890123 + rnd.Int64N(1<<40)}
				if err := tx.Put(&index.Record{Path: p, Theirs: e, Heard: m.Heard, Noticed: seen, Next: index.Take}); err != nil {
					return err
				}
			}
			return tx.PutMeta(m)
		})
	}
	for chunk := range slices.Chunk(paths, batch) {
		update(tb, s, func(tx *Tx) error {
			for _, p := range chunk {
				r, err := tx.Get(p)
				if err != nil {
					return err
				}
				_, r.Stamp = benchFile(rnd, peerEpoch, r.Heard)
				r.Stamp.Size, r.Stamp.ModTime = r.Theirs.Size, r.Theirs.ModTime
				r.Ours, r.Base, r.Pos, r.Next = r.Theirs, r.Theirs, tx.Head()+1, index.Nothing
				seen := r.Noticed
				if err := tx.Put(r); err != nil {
					return err
				}
				if _, err := tx.Note(index.Event{
					Path: p, What: index.Adopted, How: index.ByPeer, Node: testNode,
					Time: seen.Time + rnd.Int64N(1<<30), Entry: r.Ours, Rule: "new-there", Seen: seen,
				}); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// TestFileSize holds the budget: at most 300 bytes of file for each synced
// path of about 40 bytes, on the node that had it and on the one that got it.
func TestFileSize(t *testing.T) {
	n := 10_000
	if os.Getenv("DUET_BENCH") != "" {
		n = 100_000
	}
	paths := benchPaths(n)
	for _, test := range []struct {
		name string
		life func(*testing.T, *Store, *rand.Rand)
	}{
		{"edited here", func(t *testing.T, s *Store, rnd *rand.Rand) {
			ownEdits(t, s, rnd, paths, 1000)
			agreements(t, s, paths, 1000)
		}},
		{"installed here", func(t *testing.T, s *Store, rnd *rand.Rand) {
			adoptions(t, s, rnd, paths, 1000)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := openTest(t, filepath.Join(t.TempDir(), "index"))
			start := time.Now()
			test.life(t, s, rand.New(rand.NewPCG(1, 2)))
			t.Logf("%v a path", time.Since(start)/time.Duration(n))
			checkStore(t, s)
			info, err := os.Stat(s.Path())
			if err != nil {
				t.Fatal(err)
			}
			// The file has up to 1 MiB of room to grow, which is much for
			// few paths and nothing for many.
			got := float64(info.Size()-1<<20) / float64(n)
			t.Logf("%d paths of %d bytes: %.0f bytes of file each", n, len(paths[0]), float64(info.Size())/float64(n))
			if got > 300 {
				t.Errorf("%.0f bytes of file for each path: the budget is 300", got)
			}
			view(t, s, func(tx *Tx) error {
				for _, name := range allBuckets {
					st := tx.bucket(name).Stats()
					t.Logf("%-9s %7d keys, %5.1f bytes a path, %.2f in use", name, st.KeyN,
						float64(st.LeafAlloc+st.BranchAlloc)/float64(n), float64(st.LeafInuse)/float64(max(st.LeafAlloc, 1)))
				}
				t.Logf("file %d, free %d, pending %d", tx.bolt.Size(), s.db.Stats().FreePageN, s.db.Stats().PendingPageN)
				return nil
			})
		})
	}
}

// BenchmarkStore tells what one path costs in the transactions that are made of
// thousands of them. A transaction is 1000 paths.
func BenchmarkStore(b *testing.B) {
	const batch = 1000
	perPath := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/path")
	}
	all := benchPaths(50_000)
	b.Run("edit", func(b *testing.B) {
		s := openTest(b, filepath.Join(b.TempDir(), "index"))
		for i := range b.N {
			from := i * batch % len(all)
			ownEdits(b, s, rand.New(rand.NewPCG(1, uint64(i))), all[from:from+batch], batch)
		}
		perPath(b)
	})
	s := openTest(b, filepath.Join(b.TempDir(), "index"))
	rnd := rand.New(rand.NewPCG(1, 2))
	ownEdits(b, s, rnd, all, batch)
	b.Run("agree", func(b *testing.B) {
		for i := range b.N {
			from := i * batch % len(all)
			agreements(b, s, all[from:from+batch], batch)
		}
		perPath(b)
	})
	b.Run("edit at random", func(b *testing.B) {
		for range b.N {
			some := make([]index.Path, batch)
			for i := range some {
				some[i] = all[rnd.IntN(len(all))]
			}
			ownEdits(b, s, rnd, some, batch)
		}
		perPath(b)
	})
	benchRead(b, s, "range", func(tx *Tx) iter.Seq2[*index.Record, error] { return tx.Range(index.Root, false) })
	benchRead(b, s, "since", func(tx *Tx) iter.Seq2[*index.Record, error] { return tx.Since(0) })
	b.Run("by hash", func(b *testing.B) {
		view(b, s, func(tx *Tx) error {
			for b.Loop() {
				r, err := tx.Get(all[rnd.IntN(len(all))])
				if err != nil {
					return err
				}
				found := false
				for p, err := range tx.ByHash(r.Ours.Hash, r.Ours.Size) {
					found = found || err == nil && p == r.Path
				}
				if !found {
					b.Fatal("not found")
				}
			}
			return nil
		})
	})
}

func benchRead(b *testing.B, s *Store, name string, f func(tx *Tx) iter.Seq2[*index.Record, error]) {
	b.Run(name, func(b *testing.B) {
		n := 0
		for range b.N {
			view(b, s, func(tx *Tx) error {
				for _, err := range f(tx) {
					if err != nil {
						return err
					}
					n++
				}
				return nil
			})
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/path")
	})
}

// BenchmarkGrowth tells what one more path costs in an index that has so many
// already: what a scan finds, in batches as it finds it.
func BenchmarkGrowth(b *testing.B) {
	const batch = 256
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			all := benchPaths(n + 10_000)
			s := openTest(b, filepath.Join(b.TempDir(), "index"))
			rnd := rand.New(rand.NewPCG(1, 2))
			ownEdits(b, s, rnd, all[:n], 4096)
			b.ResetTimer()
			for range b.N {
				ownEdits(b, s, rnd, all[n:], batch)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*10_000), "ns/path")
		})
	}
}
