package transfer_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"duet/replicate/link/linktest"
	"duet/replicate/pace"
	"duet/replicate/transfer"
	"duet/scan/vfs"
	"duet/store/index"
)

// A large file is on its way and brings nothing: what is small comes all the same.
func TestSmallPassLarge(t *testing.T) {
	d := newDeltaRig(t)
	d.shelf.gate = make(chan struct{})
	large := random(9 << 20)
	ended := make(chan transfer.Result, 2)
	for i, name := range []index.Path{"one", "other"} {
		w := d.shelf.put(name, large[i:])
		go d.Fetch(context.Background(), []transfer.Want{w}, func(r transfer.Result) { ended <- r })
	}
	for range 3 {
		for name, res := range d.fetch(d.shelf.put("small", random(2000)), d.shelf.put("middle", random(300<<10))) {
			if res.Err != nil {
				t.Errorf("%v: %v", name, res.Err)
			}
			d.files.RemoveHeld(res.Held)
		}
	}
	select {
	case r := <-ended:
		t.Errorf("%v came before its bytes did: %v", r.Want.Path, r.Err)
	default:
	}
	close(d.shelf.gate)
	for range 2 {
		if r := <-ended; r.Err != nil {
			t.Errorf("%v: %v", r.Want.Path, r.Err)
		}
	}
}

// What is sent takes the time that the limit says, and small files pass large ones
// in it. No stream is taken for dead, however low the limit.
func TestServeWithinLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table, err := pace.ParseTimetable("10k")
		if err != nil {
			t.Fatal(err)
		}
		limit := pace.NewLimiter(table, nil)
		src := &shelf{}
		here, there := linktest.Pipe()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		go func() {
			for {
				s, err := there.Accept(ctx)
				if err != nil {
					return
				}
				go transfer.Serve(ctx, s, src, limit, nil)
			}
		}()
		f := transfer.NewFetcher(transfer.Options{Open: here.Open, Files: newTree(t), Ranges: true})
		fetch := func(p index.Path, n int) <-chan time.Duration {
			took := make(chan time.Duration, 1)
			began := time.Now()
			w := src.put(p, random(n))
			w.Meta = vfs.Meta{Mode: 0o600, UID: -1, GID: -1}
			go f.Fetch(ctx, []transfer.Want{w}, func(r transfer.Result) {
				if r.Err != nil {
					t.Errorf("%v: %v", p, r.Err)
				}
				took <- time.Since(began)
			})
			return took
		}
		large := fetch("large", 2_000_000)
		time.Sleep(10 * time.Second)
		if took := <-fetch("small", 5000); took > time.Second {
			t.Errorf("a small file took %v behind a large one", took)
		}
		if took := <-large; took < 195*time.Second || took > 205*time.Second {
			t.Errorf("2 MB at 10 kB a second took %v", took)
		}
		f.Close()
		cancel()
		here.Close()
	})
}
