package hostile

import (
	"bytes"
	"io/fs"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"duet/replicate/chunk"
	"duet/replicate/wire"
	"duet/replicate/wire/wirepb"
	"duet/scan"
	"duet/store/index"
)

// TestLyingContents sends, one by one, contents that are not what was
// announced: nothing of them gets into the tree.
func TestLyingContents(t *testing.T) {
	t.Parallel()
	v := newVictim(t, setup{})
	a := newAttacker(v)
	for _, at := range lyingContents(t) {
		t.Run(at.name, func(t *testing.T) { at.run(t, a) })
	}
	a.in(t)
}

// lyingContents are attacks by whoever serves what the victim fetches.
func lyingContents(t testing.TB) (out []attack) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 16<<10) // a piece
	const size = 100 << 10
	lie := func(name string, announced int64, says string, serve server) {
		file := strings.ReplaceAll(name, " ", "-")
		out = append(out, attack{name: name, says: says, check: absent(file), serve: serve, do: func(s *session) {
			asked := make(chan bool, 1)
			s.serving(func(w wire.Want, answer func(wire.Piece) error) error {
				select {
				case asked <- true:
				default:
				}
				if serve == nil {
					return answer(wire.Piece{Last: true, Refusal: wire.Gone})
				}
				return serve(w, answer)
			})
			e := index.Entry{Kind: index.File, Size: announced, Hash: scan.SumBytes([]byte(name)), Mode: 0o644, ModTime: 1}
			s.tell(s.change(file, e, nil))
			if serve != nil {
				select {
				case <-asked:
				case <-s.over:
				case <-time.After(patience):
				}
			}
		}})
	}
	once := func(p wire.Piece) server {
		return func(_ wire.Want, answer func(wire.Piece) error) error { return answer(p) }
	}
	lie("another content", size, "another hash", once(wire.Piece{Data: big[:size], Last: true}))
	lie("too short", size, "sent 10 of 102400 bytes", once(wire.Piece{Data: big[:10], Last: true}))
	lie("too long", size, "more than the 102400 bytes", once(wire.Piece{Data: big[:size+1], Last: true}))
	lie("never-ending", size, "more than the 102400 bytes", func(_ wire.Want, answer func(wire.Piece) error) error {
		for {
			if err := answer(wire.Piece{Data: big}); err != nil {
				return err
			}
		}
	})
	lie("a size of 2^63-1", math.MaxInt64, "MiB are needed", nil)
	lie("another want", size, "answers want 4711", once(wire.Piece{ID: 4711, Data: big[:size], Last: true}))
	lie("a refusal that nobody knows", size, "unknown refusal 99", once(wire.Piece{Refusal: 99, Last: true}))
	lie("no zstd", size, "expand what the peer sent", once(wire.Piece{Data: big[:100], Zstd: true, Last: true}))
	lie("a bomb", size, "expand what the peer sent", once(wire.Piece{Data: bomb(t, 256<<20), Zstd: true, Last: true}))
	lie("a bomb of the announced size", 1<<30, "expand what the peer sent", once(wire.Piece{Data: bomb(t, 1<<30), Zstd: true, Last: true}))
	lie("chunks for a content", 9<<20, "chunks for contents", once(wire.Piece{Chunks: []chunk.Chunk{{Len: 9 << 20, Sum: 1}}, Last: true}))
	lie("a hole beyond the part", 9<<20, "more than the", once(wire.Piece{Hole: 1 << 30, Last: true}))
	lie("a part cut short", 9<<20, "sent 262144 of", once(wire.Piece{Data: big, Last: true}))
	lie("hangs up", size, "", func(wire.Want, func(wire.Piece) error) error { return fs.ErrClosed })
	lie("a refusal that steers a terminal", size, "", once(wire.Piece{Refusal: wire.Failed, Last: true, Text: "\x1b[2J\n\u009b1m"}))
	out = append(out, attack{name: "becomes a link meanwhile", check: both(still("plain"), absent("turns/x")), do: func(s *session) {
		s.serving(func(w wire.Want, answer func(wire.Piece) error) error {
			// What is asked for is a link out of the root by now, and so is its directory.
			s.tell(s.link("swaps", "../../../../canary/a"), s.link("turns", "../../../../canary"))
			time.Sleep(20 * time.Millisecond)
			return answer(wire.Piece{Data: big[:size], Last: true})
		})
		e := index.Entry{Kind: index.File, Size: size, Hash: scan.SumBytes(big[:size]), Mode: 0o644, ModTime: 1}
		s.tell(s.dir("turns"), s.change("swaps", e, nil), s.change("turns/x", e, nil))
	}})
	return out
}

// bomb is a small thing that becomes n bytes.
func bomb(t testing.TB, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	e, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
	must(t, err)
	zeros := make([]byte, 1<<20)
	for ; n > 0; n -= len(zeros) {
		_, err := e.Write(zeros)
		must(t, err)
	}
	must(t, e.Close())
	return b.Bytes()
}

// TestLyingWants asks, one by one, for what the victim did not announce: it is
// refused, whatever it names.
func TestLyingWants(t *testing.T) {
	t.Parallel()
	v := newVictim(t, setup{lines: map[string]string{"ignore": `["*.tmp"]`}})
	a := newAttacker(v)
	for _, at := range lyingWants() {
		t.Run(at.name, func(t *testing.T) { at.run(t, a) })
	}
	a.in(t)
}

// lyingWants are attacks by whoever fetches from the victim.
func lyingWants() (out []attack) {
	secret := scan.SumBytes([]byte("tweet"))
	held := []byte("the victim's own held.tmp")
	refused := func(name string, want func(s *session) wire.Want, says string) {
		out = append(out, attack{name: name, says: says, do: func(s *session) {
			got, err := s.fetch(want(s))
			if err != nil {
				s.fault("%v", err)
			}
			for _, p := range got {
				if p.Refusal == wire.None || len(p.Data) > 0 {
					s.fault("the victim gives %q", p.Data)
				}
			}
		}})
	}
	fixed := func(w wire.Want) func(*session) wire.Want { return func(*session) wire.Want { return w } }
	for _, path := range []index.Path{"out/a", "d/up/a", "canary", ".duet/stage/x", "never"} {
		refused("fetch "+string(path), fixed(wire.Want{Path: path, Hash: secret, Size: 5}), "asks for contents")
	}
	refused("fetch what is ignored", fixed(wire.Want{Path: "held.tmp", Hash: scan.SumBytes(held), Size: int64(len(held))}), "asks for contents")
	refused("fetch a link", fixed(wire.Want{Path: "out", Hash: secret, Size: 5}), "")
	refused("fetch a directory", fixed(wire.Want{Path: "d", Hash: secret, Size: 5}), "")
	own := func(change func(w *wire.Want)) func(s *session) wire.Want {
		return func(s *session) wire.Want {
			w := wire.Want{Path: "plain", Hash: scan.SumBytes([]byte("the victim's own plain")), Size: 22}
			change(&w)
			return w
		}
	}
	refused("fetch with another hash", own(func(w *wire.Want) { w.Hash = secret }), "")
	refused("fetch more than there is", own(func(w *wire.Want) { w.Size++ }), "")
	refused("fetch at the end of all offsets", own(func(w *wire.Want) { w.Size, w.Offset = math.MaxInt64, math.MaxInt64-1 }), "")
	out = append(out, attack{name: "fetch what was announced", do: func(s *session) {
		got, err := s.fetch(own(func(*wire.Want) {})(s))
		if err != nil || string(got[0].Data) != "the victim's own plain" {
			s.fault("%+v, %v", got, err)
		}
	}})
	return append(out, impossibleWants()...)
}

// impossibleWants are requests that no honest peer would send.
func impossibleWants() (out []attack) {
	hash := scan.SumBytes(nil)
	raw := func(name, ends string, wants ...*wirepb.Want) {
		out = append(out, attack{name: name, ends: ends, do: func(s *session) {
			stream, err := s.open("fetch")
			if err != nil {
				s.fault("%v", err)
				return
			}
			sendRaw(stream, wirepb.Kind_FETCH, &wirepb.Fetch{Wants: wants})
		}})
	}
	for path, says := range map[string]string{
		"..": "component", "../../canary/a": "component", "/etc/passwd": "empty component", "": "empty path", "a\x00": "NUL byte",
	} {
		raw("fetch path "+index.Quote(path), says, &wirepb.Want{Id: 1, Path: []byte(path), Hash: hash[:], Size: 1})
	}
	raw("fetch nothing", "0 wants")
	raw("fetch at a negative offset", "offset", &wirepb.Want{Id: 1, Path: []byte("plain"), Hash: hash[:], Size: 1, Offset: -1})
	raw("fetch a size of -2^63", "size", &wirepb.Want{Id: 1, Path: []byte("plain"), Hash: hash[:], Size: math.MinInt64})
	raw("fetch beyond the end", "offset", &wirepb.Want{Id: 1, Path: []byte("plain"), Hash: hash[:], Size: 1, Offset: 2})
	raw("fetch without a hash", "hash of 0 bytes", &wirepb.Want{Id: 1, Path: []byte("plain"), Size: 1})
	raw("fetch backwards", "after", &wirepb.Want{Id: 2, Path: []byte("plain"), Hash: hash[:], Size: 1}, &wirepb.Want{Id: 1, Path: []byte("plain"), Hash: hash[:], Size: 1})
	out = append(out, attack{name: "a hello on a fetch stream", ends: "Hello", do: func(s *session) {
		if stream, err := s.open("fetch"); err == nil {
			wire.WriteMsg(stream, s.hello())
		}
	}}, attack{name: "a frame of 4 GiB on a fetch stream", ends: "frame of 4294967295 bytes", do: func(s *session) {
		if stream, err := s.open("fetch"); err == nil {
			sendBytes(stream, math.MaxUint32, []byte{5})
		}
	}})
	return out
}
