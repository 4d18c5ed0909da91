package wire

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"duet/replicate/wire/wirepb"
	"duet/store/index"
)

// renamed is what a directory of n files that was renamed has to say.
func renamed(n int) *Changes {
	m := &Changes{Through: index.Seq(2 * n), Head: index.Seq(2 * n)}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		e := *file
		for j := range e.Hash {
			e.Hash[j] = byte(r.Uint32())
		}
		e.Version = index.Version{{Epoch: 3, Seq: index.Seq(i + 1)}}
		m.Changes = append(m.Changes, Change{Pos: index.Seq(i + 1), Path: index.Path(fmt.Sprintf("new/file-%05d.txt", i)), Entry: &e,
			Noticed: index.Sighting{How: index.ByWatch, Time: 1_700_000_000_000_000_000, Other: index.Path(fmt.Sprintf("old/file-%05d.txt", i))}})
	}
	return m
}

func TestSqueezed(t *testing.T) {
	m := renamed(1000)
	plain := frame(t, m)
	var b bytes.Buffer
	if err := WriteSqueezed(&b, m); err != nil {
		t.Fatal(err)
	}
	if got, limit := b.Len(), len(plain)/2; got > limit {
		t.Errorf("%d bytes of %d: want no more than %d", got, len(plain), limit)
	}
	if b.Bytes()[4] != byte(wirepb.Kind_SQUEEZED) {
		t.Errorf("sent as kind %d", b.Bytes()[4])
	}
	got, err := ReadMsg(&b)
	if err != nil || !reflect.DeepEqual(got, m) {
		t.Fatalf("read something else: %v", err)
	}
}

// What is mostly content goes as it is, and so does what is short.
func TestNotSqueezed(t *testing.T) {
	e := *file
	e.Size = 4096
	content := &Changes{Changes: []Change{{Pos: 1, Path: "a", Entry: &e, Content: make([]byte, 4096)}}, Through: 1, Head: 1}
	for name, m := range map[string]*Changes{"content": content, "short": renamed(1)} {
		var b bytes.Buffer
		if err := WriteSqueezed(&b, m); err != nil {
			t.Fatal(err)
		}
		if kind := b.Bytes()[4]; kind != byte(wirepb.Kind_CHANGES) {
			t.Errorf("%s: sent as kind %d", name, kind)
		}
	}
}

// What is compressed keeps to the rules of what is not.
func TestSqueezedKeepsTheRules(t *testing.T) {
	m := renamed(20)
	m.Changes[3].Path = "a/../../b"
	bad := append([]byte{byte(wirepb.Kind_SQUEEZED)}, squeezer.Append(nil, frame(t, m)[1:])...)
	if _, err := Decode(bad); err == nil || !strings.Contains(err.Error(), `component ".."`) {
		t.Errorf("got %v", err)
	}
	if _, err := Decode([]byte{byte(wirepb.Kind_SQUEEZED), 1, 2, 3}); err == nil {
		t.Error("nonsense was read")
	}
}

// What expands to more than a message is refused before it has.
func TestSqueezedBombs(t *testing.T) {
	const size = 64 << 20
	var streamed bytes.Buffer
	w, err := zstd.NewWriter(&streamed, zstd.WithWindowSize(128<<10)) // which the decoder allows
	if err != nil {
		t.Fatal(err)
	}
	for range size >> 20 {
		w.Write(make([]byte, 1<<20))
	}
	w.Close()
	once, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, bomb := range map[string][]byte{
		"announced": once.EncodeAll(make([]byte, size), nil), "not announced": streamed.Bytes(), "just too long": once.EncodeAll(make([]byte, MaxFrame), nil),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Decode(append([]byte{byte(wirepb.Kind_SQUEEZED)}, bomb...))
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; err == nil || !strings.Contains(err.Error(), "expand") || got > size/8 {
			t.Errorf("%s: %d bytes were allocated, %v", name, got, err)
		}
	}
}

func FuzzSqueezed(f *testing.F) {
	for _, n := range []int{0, 1, 20} {
		f.Add(squeezer.Append(nil, frame(f, renamed(n))[1:]))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(append([]byte{byte(wirepb.Kind_SQUEEZED)}, b...))
		if err == nil {
			again(t, m)
		}
	})
}
