package transfer_test

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"duet/replicate/link"
	"duet/replicate/transfer"
	"duet/scan/vfs"
	"duet/store/index"
)

// What has arrived of a content is not fetched again, mixed or not.
func TestPartsResume(t *testing.T) {
	for _, mixed := range []bool{false, true} {
		d := newDeltaRig(t)
		content := random(32 << 20)
		w := d.shelf.put("p", content)
		if mixed {
			d.write("base", slices.Concat(random(1000), content[:8<<20], random(24<<20)))
			w.Like = []transfer.Like{{Path: "base"}}
		}
		d.shelf.gate = make(chan struct{})
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			for range 20 {
				d.shelf.gate <- struct{}{}
			}
			cancel()
			close(d.shelf.gate)
		}()
		d.Fetch(ctx, []transfer.Want{w}, func(transfer.Result) {})
		part := vfs.Held{Area: vfs.Stage, Name: transfer.PartName(w.Hash)}
		info, err := d.files.LstatHeld(part)
		if err != nil {
			t.Fatal(err)
		}
		c, err := d.files.OpenHeld(part)
		if err != nil {
			t.Fatal(err)
		}
		had := make([]byte, info.Stamp.Size)
		if _, err := c.ReadAt(had, 0); err != nil && len(had) > 0 || !bytes.Equal(had, content[:len(had)]) {
			t.Fatalf("%d bytes are there that are not the beginning: %v", len(had), err)
		}
		c.Close()
		before := d.Received()
		d.check(d.fetch(w)["p"], content)
		if n := d.Received() - before; n > int64(len(content)-len(had))+64<<10 {
			t.Errorf("mixed %v: %d bytes were there, and %d were fetched", mixed, len(had), n)
		}
	}
}

// Where answers take long, a large content comes on several streams; in order all
// the same.
func TestPartsOverSeveralStreams(t *testing.T) {
	d := newDeltaRig(t)
	var once sync.Once
	both := make(chan struct{})
	var open atomic.Int32
	d.connectRanges(func(s link.Stream) {
		if open.Add(1) == 2 {
			once.Do(func() { close(both) })
		}
		d.served <- transfer.Serve(context.Background(), s, slowSource{d.shelf, both}, nil, nil)
	})
	content := random(64 << 20)
	d.check(d.fetch(d.shelf.put("p", content))["p"], content)
	if n := open.Load(); n < 2 {
		t.Errorf("%d streams", n)
	}
}

// slowSource does not go on behind 8 MiB before there are two streams.
type slowSource struct {
	*shelf
	both chan struct{}
}

func (s slowSource) Open(p index.Path, h index.Hash, size int64) (transfer.Content, error) {
	c, err := s.shelf.Open(p, h, size)
	return slowContent{c, s.both}, err
}

type slowContent struct {
	transfer.Content
	both chan struct{}
}

func (c slowContent) ReadAt(b []byte, off int64) (int, error) {
	if off >= 32<<20 {
		<-c.both
	} else if off == 0 {
		time.Sleep(20 * time.Millisecond) // the trip is long
	}
	return c.Content.ReadAt(b, off)
}
