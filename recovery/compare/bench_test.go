package compare

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"duet/scan"
	"duet/store"
	"duet/store/index"
)

// sizes are those of the benchmarks; DUET_MILLION=1 adds one that takes a
// minute to set up.
func sizes() []int {
	if os.Getenv("DUET_MILLION") != "" {
		return []int{1_000_000}
	}
	return []int{100_000}
}

// large is an index of n agreed files, a hundred to a directory.
func large(b *testing.B, n int) *side {
	b.Helper()
	s := newSide(b, 1)
	s.heard(1 << 40)
	for at := 0; at < n; at += 20_000 {
		s.update(func(tx *store.Tx) error {
			for i := at; i < min(at+20_000, n); i++ {
				e := *file(fmt.Sprint(i))
				e.Version = index.Version{{Epoch: 1, Seq: index.Seq(i + 1)}}
				p := index.Path(fmt.Sprintf("images/%04d/photograph-%07d.jpg", i/100, i))
				pos, err := tx.Note(index.Event{Path: p, What: index.Created, How: index.ByScan, Entry: &e})
				if err != nil {
					return err
				}
				r := &index.Record{Path: p, Ours: &e, Theirs: &e, Base: &e, Pos: pos, Heard: 1, Stamp: index.Stamp{Ino: uint64(i), Size: e.Size, ModTime: e.ModTime, Ctime: e.ModTime, Mode: 0o100644}}
				if err := tx.Put(r); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return s
}

// copyOf is the same index once more.
func copyOf(b *testing.B, s *side) *side {
	b.Helper()
	name := filepath.Join(b.TempDir(), "copy.db")
	f, err := os.Create(name)
	if err == nil {
		_, err = s.st.CopyTo(f)
		f.Close()
	}
	if err != nil {
		b.Fatal(err)
	}
	st, err := store.Open(name, store.Options{Share: "s", Node: 1})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { st.Close() })
	return &side{b, st, 1}
}

// peak watches the heap while f runs, and returns the most that was in use
// beyond what was before, in bytes.
func peak(f func()) uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before := m.HeapInuse
	var most atomic.Uint64
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most.Store(max(most.Load(), m.HeapInuse))
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	f()
	close(stop)
	<-ended
	return most.Load() - min(before, most.Load())
}

// BenchmarkDigest is one pass over an index.
func BenchmarkDigest(b *testing.B) {
	for _, n := range sizes() {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := large(b, n)
			b.ReportAllocs()
			var most uint64
			for b.Loop() {
				most = max(most, peak(func() {
					if _, _, err := s.index().Digests(context.Background(), Range{}, nil); err != nil {
						b.Fatal(err)
					}
				}))
			}
			b.ReportMetric(float64(most)/1e6, "peak-MB")
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/pass")
		})
	}
}

// BenchmarkCompare compares two indexes: equal, with one path that differs, and
// with nothing in common but the names.
func BenchmarkCompare(b *testing.B) {
	for _, n := range sizes() {
		a := large(b, n)
		for _, change := range []struct {
			name string
			do   func(*side)
		}{
			{"equal", func(*side) {}},
			{"one", func(s *side) {
				s.put(index.Nothing, map[index.Path]*index.Entry{"images/0500/photograph-0050000.jpg": file("another")})
			}},
			{"half", func(s *side) {
				half := map[index.Path]*index.Entry{}
				for i := 0; i < n/2; i++ {
					e := *file("other")
					e.Hash = scan.SumBytes([]byte(fmt.Sprint("other", i)))
					half[index.Path(fmt.Sprintf("images/%04d/photograph-%07d.jpg", i/100, i))] = &e
				}
				s.put(index.Nothing, half)
			}},
		} {
			b.Run(fmt.Sprintf("%d/%s", n, change.name), func(b *testing.B) {
				other := copyOf(b, a)
				change.do(other)
				b.ReportAllocs()
				var most uint64
				var asks asked
				var found int64
				for b.Loop() {
					asks, found = asked{}, 0
					most = max(most, peak(func() {
						_, err := Run(context.Background(), a.index(), other.peer(&asks), Options{}, func(Difference) error { found++; return nil })
						if err != nil {
							b.Fatal(err)
						}
					}))
				}
				b.ReportMetric(float64(most)/1e6, "peak-MB")
				b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/compare")
				b.ReportMetric(float64(found), "differences")
				b.ReportMetric(float64(asks.items), "listed")
			})
		}
	}
}
