package transfer_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"duet/replicate/link"
	"duet/replicate/link/linktest"
	"duet/replicate/transfer"
	"duet/scan/vfs"
	"duet/store/index"
)

// sshPair is a real connection over loopback.
func sshPair(b *testing.B) (here, there link.Conn) {
	b.Helper()
	var keys [2]*link.Key
	for i := range keys {
		var err error
		if keys[i], err = link.NewKey(); err != nil {
			b.Fatal(err)
		}
	}
	listener, err := link.NewHub(link.Options{Key: keys[0], Peer: keys[1].Public(), Listen: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	dialler, err := link.NewHub(link.Options{Key: keys[1], Peer: keys[0].Public(), Address: listener.Addr().String()})
	if err != nil {
		b.Fatal(err)
	}
	x, y := dialler.Endpoint("images"), listener.Endpoint("images")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	for _, h := range []*link.Hub{listener, dialler} {
		go func() { done <- h.Run(ctx) }()
	}
	b.Cleanup(func() {
		cancel()
		<-done
		<-done
	})
	return <-x.Conns(), <-y.Conns()
}

func benchmarkFetch(b *testing.B, files int, content func(i int) []byte) {
	here, there := sshPair(b)
	src := &shelf{}
	go linktest.Serve(there, func(s link.Stream) { transfer.Serve(context.Background(), s, src, nil, nil) })
	tree := newTree(b)
	f := transfer.NewFetcher(transfer.Options{Open: here.Open, Files: tree, Ranges: true})
	defer f.Close()
	var wants []transfer.Want
	var total int64
	for i := range files {
		w := src.put(index.Path(fmt.Sprintf("dir/file-%d", i)), content(i))
		w.Staged = fmt.Sprint(i)
		wants = append(wants, w)
		total += w.Size
	}
	b.SetBytes(total)
	for b.Loop() {
		err := f.Fetch(context.Background(), wants, func(r transfer.Result) {
			if r.Err != nil {
				b.Error(r.Err)
			}
		})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		for i := range files {
			if err := tree.RemoveHeld(vfs.Held{Area: vfs.Stage, Name: fmt.Sprint(i)}); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(files)*float64(b.N)/b.Elapsed().Seconds(), "files/s")
}

func Benchmark10kSmallFiles(b *testing.B) {
	benchmarkFetch(b, 10_000, func(i int) []byte { return append(noise(2000), fmt.Sprint(i)...) })
}

func BenchmarkOneLargeFile(b *testing.B) {
	large := map[string][]byte{"noise": noise(256 << 20), "text": text(256 << 20)}
	for name, content := range large {
		b.Run(name, func(b *testing.B) { benchmarkFetch(b, 1, func(int) []byte { return content }) })
	}
}

// BenchmarkDelta is one file of 256 MiB of which 1 MiB has changed, or that has
// 1,000 bytes more at its front, both ends in this process; the rate is of the
// file, not of what crosses.
func BenchmarkDelta(b *testing.B) {
	base := noise(256 << 20)
	edited := slices.Concat(base[:100<<20], noise(1<<20), base[101<<20:])
	for name, content := range map[string][]byte{"edit": edited, "insert": slices.Concat(noise(1000), base)} {
		b.Run(name, func(b *testing.B) {
			here, there := sshPair(b)
			src := &shelf{}
			go linktest.Serve(there, func(s link.Stream) { transfer.Serve(context.Background(), s, src, nil, nil) })
			root := filepath.Join(b.TempDir(), "root")
			if err := os.Mkdir(root, 0o755); err != nil {
				b.Fatal(err)
			}
			tree, err := vfs.Open(root, vfs.Options{Name: "images"})
			if err != nil {
				b.Fatal(err)
			}
			defer tree.Close()
			if err := os.WriteFile(filepath.Join(root, "p"), base, 0o644); err != nil {
				b.Fatal(err)
			}
			f := transfer.NewFetcher(transfer.Options{Open: here.Open, Files: tree, Ranges: true})
			defer f.Close()
			w := src.put("p", content)
			w.Like = []transfer.Like{{Path: "p"}}
			b.SetBytes(w.Size)
			for b.Loop() {
				var res transfer.Result
				if err := f.Fetch(context.Background(), []transfer.Want{w}, func(r transfer.Result) { res = r }); err != nil || res.Err != nil {
					b.Fatal(err, res.Err)
				}
				if err := tree.RemoveHeld(res.Held); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(f.Received())/float64(b.N)/1e6, "MB-fetched/op")
		})
	}
}
