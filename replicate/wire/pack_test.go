package wire

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"duet/store/index"
)

// frame encodes m without checking it.
func frame(t testing.TB, m Msg) []byte {
	t.Helper()
	kind, body := encode(m)
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte{byte(kind)}, b...)
}

// largest is the change that takes the most room.
func largest() Change {
	var v index.Version
	for i := range index.MaxCounters {
		v = append(v, index.Counter{Epoch: index.Epoch(1<<63 + uint64(i)), Seq: 1<<64 - 1})
	}
	name := strings.Repeat("o", index.MaxName)
	path := strings.Repeat(strings.Repeat("p", index.MaxName)+"/", index.MaxPath/(index.MaxName+1))
	return Change{
		Pos: 1<<64 - 1, Path: index.Path(path[:len(path)-1]),
		Entry: &index.Entry{
			Kind: index.File, Hash: hashA, Size: MaxContent, ModTime: 1<<63 - 1, Mode: 0o7777,
			Owner: name, Group: name, Version: v, Over: v, Origin: 1<<64 - 1, Settled: &index.Settlement{Upto: v},
		},
		Content: make([]byte, MaxContent),
	}
}

func TestTheLargestChangeFitsAMessage(t *testing.T) {
	var p Packer
	c := largest()
	if !p.Add(c) {
		t.Fatal("an empty Packer refused a change")
	}
	b, err := Append(nil, p.Take(c.Pos, c.Pos, 1<<64-1))
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > MaxFrame/10 {
		t.Errorf("%d bytes: a message holds fewer than ten such changes", len(b))
	}
	if n := len(p.changes); n != 0 {
		t.Errorf("after Take %d changes wait", n)
	}
}

// split packs the changes of m into messages within the limits.
func split(m *Changes) (out []*Changes) {
	var p Packer
	for i, c := range m.Changes {
		if !p.Add(c) {
			out = append(out, p.Take(m.Changes[i-1].Pos, m.Head, m.Run))
			p.Add(c)
		}
	}
	return append(out, p.Take(m.Through, m.Head, m.Run))
}

func TestPacker(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	large := largest()
	makeChange := map[string]func(i int) Change{
		"small": func(i int) Change { return Change{Agreed: index.Seq(i + 1)} },
		"plain": func(i int) Change { return Change{Path: index.Path(fmt.Sprintf("dir/file-%d", i)), Entry: file} },
		"large": func(int) Change { return large },
		"mixed": func(i int) Change {
			size := rnd.IntN(MaxContent + 1)
			return Change{Path: index.Path(fmt.Sprintf("f%d", i)), Entry: with(*file, func(e *index.Entry) { e.Size = int64(size) }),
				Content: make([]byte, size)}
		},
	}
	for name, f := range makeChange {
		t.Run(name, func(t *testing.T) {
			whole := &Changes{Through: 20_000, Head: 20_001, Run: 3}
			for i := range 9000 {
				c := f(i)
				if c.Pos = index.Seq(i + 1); name == "large" && i == 100 {
					break
				}
				whole.Changes = append(whole.Changes, c)
			}
			var got []Change
			var last *Changes
			for _, part := range split(whole) {
				if last != nil && (len(last.Changes) == 0 || last.Through != last.Changes[len(last.Changes)-1].Pos) {
					t.Fatalf("a part of %d changes that is not the last says through %d", len(last.Changes), last.Through)
				}
				if _, err := Append(nil, part); err != nil {
					t.Fatal(err)
				}
				got, last = append(got, part.Changes...), part
			}
			if !reflect.DeepEqual(got, whole.Changes) {
				t.Errorf("%d changes became %d others", len(whole.Changes), len(got))
			}
			if last.Through != whole.Through || last.Head != whole.Head || last.Run != whole.Run {
				t.Errorf("the last part says through %d of %d, run %d", last.Through, last.Head, last.Run)
			}
		})
	}
	for _, part := range split(&Changes{Through: 5, Head: 5}) {
		if part.Through != 5 || len(part.Changes) != 0 {
			t.Errorf("no changes: got %+v", part)
		}
	}
}

func BenchmarkChanges(b *testing.B) {
	m := &Changes{}
	for i := range 4000 {
		m.Changes = append(m.Changes, Change{Pos: index.Seq(i + 1), Path: index.Path(fmt.Sprintf("some/directory/of/files/file-%d.png", i)), Entry: file})
	}
	m.Through, m.Head = 4000, 4000
	encoded, err := Append(nil, m)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.SetBytes(int64(len(encoded)))
		for b.Loop() {
			encoded, err = Append(encoded[:0], m)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.SetBytes(int64(len(encoded)))
		for b.Loop() {
			_, err = Decode(encoded[4:])
		}
	})
	if err != nil {
		b.Fatal(err)
	}
}
