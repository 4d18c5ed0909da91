package scan

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"duet/store/index"
)

const benchFiles = 10000

func benchWorld(b *testing.B, size int) *world {
	w := newWorld(b)
	text := vector(size)
	for i := range benchFiles {
		dir := fmt.Sprintf("d%02d/e%d", i%40, i%5)
		if i < 200 {
			must(b, os.MkdirAll(w.path(dir), 0o755))
		}
		must(b, os.WriteFile(w.path(fmt.Sprintf("%s/file-%05d.html", dir, i)), text, 0o644))
	}
	return w
}

// BenchmarkWalkUnchanged is the rescan of a tree in which nothing changed.
func BenchmarkWalkUnchanged(b *testing.B) {
	w := benchWorld(b, 100)
	w.settledScan()
	o := w.options()
	o.Emit = func(fs []Finding, _ []Problem) error { return fmt.Errorf("%d findings", len(fs)) }
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Walk(context.Background(), o); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchFiles, "ns/file")
}

// BenchmarkFirstScan reads everything.
func BenchmarkFirstScan(b *testing.B) {
	for _, size := range []int{1 << 10, 20 << 10} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			w := benchWorld(b, size)
			o := w.options()
			o.Emit = func([]Finding, []Problem) error { return nil }
			b.SetBytes(int64(size) * benchFiles)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Walk(context.Background(), o); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchFiles, "ns/file")
		})
	}
}

// BenchmarkExamine is one changed file.
func BenchmarkExamine(b *testing.B) {
	w := newWorld(b, "d/", "d/f=f")
	w.settledScan()
	r := w.records["d/f"]
	r.Stamp.Ctime--
	o := ExamineOptions{WalkOptions: w.options()}
	o.Emit = func([]Finding, []Problem) error { return nil }
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Examine(context.Background(), o, []Dirty{{Path: "d/f"}}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkIgnored(b *testing.B) {
	rules, err := ParseRules([]string{"*.tmp", "*.log", "/cache/", "**/node_modules", "!keep.log", "build/**/*.o"})
	must(b, err)
	p := index.Path("contents/images/2024/05/some-picture.png")
	for b.Loop() {
		rules.Ignored(p, false)
	}
}

// BenchmarkLiveSave is the time from the end of a save until it is known.
func BenchmarkLiveSave(b *testing.B) {
	l := startLive(b, newWorld(b, "f=0"), time.Minute)
	i := 0
	for b.Loop() {
		i++
		text := fmt.Sprint(i)
		must(b, os.WriteFile(l.path("f"), []byte(text), 0o644))
		hash := SumBytes([]byte(text))
		l.until("the save is known", func() bool {
			r, _ := l.get("f")
			return r != nil && r.Ours.Hash == hash
		})
	}
}
