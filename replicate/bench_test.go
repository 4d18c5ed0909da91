package replicate_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// BenchmarkFirstSync syncs a tree of small files to an empty node, over a pipe.
func BenchmarkFirstSync(b *testing.B) {
	const files = 5000
	for b.Loop() {
		p := newPair(b, nil)
		for i := range files {
			p.a.write(fmt.Sprintf("dir%d/file%d", i%100, i), strings.Repeat(fmt.Sprint(i), 400))
		}
		began := time.Now()
		p.start()
		p.settle()
		b.ReportMetric(files/time.Since(began).Seconds(), "files/s")
		p.a.stop()
		p.b.stop()
	}
}

// BenchmarkOneSave measures from the save of a small file until it is on the
// peer, which is watched by polling.
func BenchmarkOneSave(b *testing.B) {
	p := newPair(b, nil)
	p.start()
	p.settle()
	for i := 0; b.Loop(); i++ {
		p.a.write("f", fmt.Sprint("save ", i))
		for p.b.read("f") != fmt.Sprint("save ", i) {
			time.Sleep(200 * time.Microsecond)
		}
	}
}

// BenchmarkBurst writes 1000 new files into a running pair.
func BenchmarkBurst(b *testing.B) {
	p := newPair(b, nil)
	p.start()
	p.settle()
	for n := 0; b.Loop(); n++ {
		for i := range 1000 {
			p.a.write(fmt.Sprintf("burst%d/file%d", n, i), fmt.Sprint("content ", n, i))
		}
		for i := 0; i < 1000; i++ {
			for {
				if _, err := os.Lstat(filepath.Join(p.b.root, fmt.Sprintf("burst%d/file%d", n, i))); err == nil {
					break
				}
				time.Sleep(time.Millisecond)
			}
		}
	}
}
