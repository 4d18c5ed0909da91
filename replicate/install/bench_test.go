package install

import (
	"fmt"
	"testing"
)

// BenchmarkBatch installs a thousand paths with one batch, on the filesystem
// of the temporary directory: the fsyncs are real.
func BenchmarkBatch(b *testing.B) {
	const n = 1000
	name := func(kind string, i int) string { return fmt.Sprintf("d%d/%s%d", i%10, kind, i) }
	for _, c := range []string{"place", "swap", "move", "delete", "touch"} {
		b.Run(c, func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				have, want, moves := make(tree), make(tree), make(map[string]string)
				for i := range n {
					if i < 10 {
						have[fmt.Sprintf("d%d", i)], want[fmt.Sprintf("d%d", i)] = dir(), dir()
					}
					old, now := name("f", i), name("f", i)
					x := file(fmt.Sprint("content ", i))
					if c != "place" {
						have[old] = x
					}
					switch c {
					case "swap":
						x.text += " changed"
					case "move":
						now = name("g", i)
						moves[now] = old
					case "delete":
						continue
					case "touch":
						x.mtime++
					}
					want[now] = x
				}
				w := newWorld(b, b.TempDir())
				w.seed(have)
				w.hear(want)
				jobs := w.jobs(want, moves)
				b.StartTimer()
				for _, o := range w.batch(jobs) {
					if !o.Done {
						b.Fatalf("outcome %+v", o)
					}
				}
				b.StopTimer()
				w.close()
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/path")
		})
	}
}
