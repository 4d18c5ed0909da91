package hostile

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"duet/replicate/inquiry"
	"duet/replicate/link"
	"duet/replicate/wire"
	"duet/replicate/wire/wirepb"
	"duet/store/index"
)

func (s *session) ask() link.Stream {
	s.a.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stream, err := s.conn.Open(ctx, inquiry.StreamKind)
	must(s.a.t, err)
	return stream
}

// Questions about the index that break a rule are answered with nothing.
func TestBadQuestions(t *testing.T) {
	t.Parallel()
	v := newVictim(t, setup{})
	a := newAttacker(v)
	s := a.connect()
	must(t, s.tell(s.file("known", "known")))
	until(t, "the victim to have a file", func() bool { return v.read("known") == "known" })
	many := make([][]byte, 5000)
	for i := range many {
		many[i] = fmt.Appendf(nil, "%06d", i)
	}
	for name, send := range map[string]func(link.Stream) error{
		"a huge frame":   func(st link.Stream) error { return sendBytes(st, 1<<31, nil) },
		"an empty frame": func(st link.Stream) error { return sendBytes(st, 0, nil) },
		"a fetch":        func(st link.Stream) error { return sendRaw(st, wirepb.Kind_FETCH, &wirepb.Fetch{}) },
		"a hello":        func(st link.Stream) error { return wire.WriteMsg(st, s.hello()) },
		"an answer":      func(st link.Stream) error { return wire.WriteMsg(st, &wire.Listing{Last: true}) },
		"outside the root": func(st link.Stream) error {
			return sendRaw(st, wirepb.Kind_COMPARE, &wirepb.Compare{Under: []byte("../..")})
		},
		"verify outside": func(st link.Stream) error {
			return sendRaw(st, wirepb.Kind_VERIFY, &wirepb.Verify{Under: []byte("/etc")})
		},
		"too many cuts": func(st link.Stream) error { return sendRaw(st, wirepb.Kind_COMPARE, &wirepb.Compare{Cuts: many}) },
		"cuts backwards": func(st link.Stream) error {
			return sendRaw(st, wirepb.Kind_COMPARE, &wirepb.Compare{Cuts: [][]byte{{'b'}, {'a'}}})
		},
		"a cut elsewhere": func(st link.Stream) error {
			return wire.WriteMsg(st, &wire.Compare{Under: "a", Cuts: []index.Path{"b"}})
		},
		"an endless rate":   func(st link.Stream) error { return sendRaw(st, wirepb.Kind_VERIFY, &wirepb.Verify{Rate: 1 << 63}) },
		"bytes of no sense": func(st link.Stream) error { return sendBytes(st, 9, []byte("\x07\xff\xff\xff\xff\xff\xff\xff\xff")) },
	} {
		stream := s.ask()
		_ = send(stream) // the victim may have closed it before the end
		if m, err := wire.ReadMsg(stream); err == nil {
			t.Errorf("%s: answered with %+v", name, m)
		}
		s.close()
		s = a.connect()
	}
	// Honest questions are answered.
	stream := s.ask()
	must(t, wire.WriteMsg(stream, &wire.Compare{Under: "known", List: true}))
	m, err := wire.ReadMsg(stream)
	if l, ok := m.(*wire.Listing); err != nil || !ok || len(l.Items) != 1 || l.Items[0].Path != "known" {
		t.Errorf("listed %+v, %v", m, err)
	}
	s.close()
	a.proves()
}

// Who asks on many streams, and reads no answer, is refused the rest.
func TestManyQuestions(t *testing.T) {
	t.Parallel()
	v := newVictim(t, setup{})
	a := newAttacker(v)
	s := a.connect()
	refused := 0
	for range 8 {
		stream := s.ask()
		_ = wire.WriteMsg(stream, &wire.Verify{Rate: 1})
		m, err := wire.ReadMsg(stream)
		if c, ok := m.(*wire.Control); err == nil && ok && strings.Contains(c.Text, "other questions") {
			refused++
			stream.Close()
		}
	}
	if refused == 0 {
		t.Error("all were answered at once")
	}
	s.close()
	a.proves()
}
