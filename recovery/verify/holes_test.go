package verify

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"duet/scan/vfs"
	"duet/store/index"
)

// A hole is not on the disk: it costs neither time of the rate nor of the processor,
// and what is between holes is read all the same.
func TestHoles(t *testing.T) {
	const size = 100 << 30
	n := newNode(t, map[string]string{"short": "x"})
	image := filepath.Join(n.root, "image")
	// make writes the image anew: some data at the beginning and in the middle.
	make := func(size int64, also map[int64]string) {
		t.Helper()
		f, err := os.OpenFile(image, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		put := func(text string, at int64) {
			if _, err := f.WriteAt([]byte(text), at); err != nil {
				t.Fatal(err)
			}
		}
		put("begin", 0)
		put("middle", 50<<30)
		for at, text := range also {
			put(text, at)
		}
		if err := f.Truncate(size); err != nil {
			t.Skipf("this filesystem has no files of 100 GB: %v", err)
		}
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		if info, err := f.Stat(); err != nil || info.Sys().(*syscall.Stat_t).Blocks > 1<<16 {
			t.Skipf("this filesystem has no holes: %v", err)
		}
	}
	make(size, nil)
	n.scan()
	n.Rate = 10 << 20 // all of it would take hours
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	run := func() (got []string, sum Totals) {
		t.Helper()
		n.Options.Under, n.Options.Emit = "image", func(f Finding) error {
			got = append(got, fmt.Sprintf("%s %v: %s", f.What, f.Path, f.Detail))
			return nil
		}
		sum, err := Run(ctx, n.Options)
		if err != nil {
			t.Fatalf("after %d bytes: %v", sum.Bytes, err)
		}
		return got, sum
	}
	got, sum := run()
	want(t, got)
	if sum.Files != 1 || sum.Bytes != size {
		t.Errorf("%+v, want one file of %d bytes", sum, int64(size))
	}
	for _, at := range []int64{1, 1 << 30, 50 << 30, 50<<30 + 5, size - 7} {
		make(size, map[int64]string{at: "muddle!"})
		n.pretend("image")
		got, _ = run()
		want(t, got, "corrupt image: its hash is ")
	}
	make(size-1, nil)
	n.pretend("image")
	got, _ = run()
	want(t, got, fmt.Sprintf("corrupt image: %d bytes can be read of %d", int64(size-1), int64(size)))
	make(size, nil)
	n.pretend("image")
	got, _ = run()
	want(t, got)
}

// sieve is a file with holes that the disk does not give back.
type sieve struct {
	vfs.Content
	data func(off int64) (from, end int64, err error)
}

func (s sieve) Data(off int64) (from, end int64, err error) { return s.data(off) }

// That a filesystem cannot say what is a hole is an error of the file, and none of
// its content.
func TestHolesUnknown(t *testing.T) {
	n := newNode(t, small)
	n.Files = fragile{n.Files, func(c vfs.Content, _ index.Path) (vfs.Content, error) {
		return sieve{c, func(int64) (int64, int64, error) { return 0, 0, syscall.EIO }}, nil
	}}
	got, _ := n.run()
	want(t, got, "unreadable z: ")
}
