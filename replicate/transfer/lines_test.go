package transfer_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"duet/replicate/link"
	"duet/replicate/transfer"
	"duet/store/index"
)

// A peer serves only so many streams at a time: two large contents share those for
// parts, where each would like more of them.
func TestStreamsForPartsAreFew(t *testing.T) {
	d := newDeltaRig(t)
	var open, most atomic.Int32
	d.connectRanges(func(s link.Stream) {
		n := open.Add(1)
		for was := most.Load(); n > was && !most.CompareAndSwap(was, n); was = most.Load() {
		}
		err := transfer.Serve(context.Background(), s, lateSource{d.shelf}, nil, nil)
		open.Add(-1)
		d.served <- err
	})
	d.Close()
	late := func(ctx context.Context, kind string) (link.Stream, error) {
		time.Sleep(10 * time.Millisecond)
		return d.here.Open(ctx, kind)
	}
	d.Fetcher = transfer.NewFetcher(transfer.Options{Open: late, Files: d.files, Ranges: true})
	a, b := random(64<<20), slices.Concat(random(1), random(64<<20))
	got := d.fetch(d.shelf.put("a", a), d.shelf.put("b", b))
	d.check(got["a"], a)
	d.check(got["b"], b)
	if n := most.Load(); n != 8 {
		t.Errorf("%d streams at a time", n)
	}
}

// lateSource takes its time at the beginning of each part.
type lateSource struct{ *shelf }

func (s lateSource) Open(p index.Path, h index.Hash, size int64) (transfer.Content, error) {
	c, err := s.shelf.Open(p, h, size)
	return lateContent{c}, err
}

type lateContent struct{ transfer.Content }

func (c lateContent) ReadAt(b []byte, off int64) (int, error) {
	if off%(2<<20) == 0 {
		time.Sleep(20 * time.Millisecond)
	}
	return c.Content.ReadAt(b, off)
}
