package hostile

import (
	"bytes"
	"context"
	"io/fs"
	"math"
	"strings"
	"testing"
	"time"

	"duet/replicate"
	"duet/replicate/wire"
	"duet/scan"
	"duet/store/index"
)

// Contents that are not what was announced: nothing of them gets into the tree.
func TestLyingContents(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 16<<10) // a piece
	tests := map[string]struct {
		size  int64
		serve func(w wire.Want, answer func(wire.Piece) error) error
	}{
		"another content": {100 << 10, func(w wire.Want, answer func(wire.Piece) error) error {
			return answer(wire.Piece{Data: big[:100<<10], Last: true})
		}},
		"too short": {100 << 10, func(w wire.Want, answer func(wire.Piece) error) error {
			return answer(wire.Piece{Data: big[:10], Last: true})
		}},
		"too long": {100 << 10, func(w wire.Want, answer func(wire.Piece) error) error {
			return answer(wire.Piece{Data: big[:100<<10+1], Last: true})
		}},
		"never-ending": {100 << 10, func(w wire.Want, answer func(wire.Piece) error) error {
			for {
				if err := answer(wire.Piece{Data: big}); err != nil {
					return err
				}
			}
		}},
		"a size of 2^63-1": {math.MaxInt64, nil},
		"another want": {100 << 10, func(w wire.Want, answer func(wire.Piece) error) error {
			return answer(wire.Piece{Refusal: 99, Last: true})
		}},
		"no zstd": {100 << 10, func(w wire.Want, answer func(wire.Piece) error) error {
			return answer(wire.Piece{Data: big[:100], Zstd: true, Last: true})
		}},
		"silence": {100 << 10, func(w wire.Want, answer func(wire.Piece) error) error {
			time.Sleep(500 * time.Millisecond)
			return fs.ErrClosed
		}},
		"a refusal that steers a terminal": {100 << 10, func(w wire.Want, answer func(wire.Piece) error) error {
			return answer(wire.Piece{Refusal: wire.Failed, Last: true, Text: "\x1b[2J\n"})
		}},
	}
	v := newVictim(t, nil)
	a := newAttacker(t, v.dir, v.addr)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a.t, v.t = t, t
			before := surroundings(t, v.dir)
			s := a.connect()
			asked := make(chan bool, 1000)
			s.serving(func(w wire.Want, answer func(wire.Piece) error) error {
				select {
				case asked <- true:
				default:
				}
				if test.serve == nil {
					return answer(wire.Piece{Last: true, Refusal: wire.Gone})
				}
				return test.serve(w, answer)
			})
			file := strings.ReplaceAll(name, " ", "-")
			e := index.Entry{Kind: index.File, Size: test.size, Hash: scan.SumBytes([]byte(name)), Mode: 0o644, ModTime: 1}
			must(t, s.tell(s.change(file, e, nil)))
			s.waitAck()
			if test.serve != nil {
				<-asked
			}
			must(t, s.tell(s.file("after", name)))
			until(t, "what comes after", func() bool { return v.read("after") == name })
			absent(file)(t, v)
			s.close()
			a.proves(v)
			if after := surroundings(t, v.dir); after != before {
				t.Errorf("outside of the share, there was:\n%s\nand there is:\n%s", before, after)
			}
		})
	}
	a.t, v.t = t, t
	if strings.Contains(v.log.String(), "\x1b") {
		t.Error("the log steers terminals")
	}
}

// Requests for what the victim did not announce are refused, whatever they name.
func TestLyingWants(t *testing.T) {
	v := newVictim(t, func(c *replicate.Config) { c.Ignore = []string{"*.tmp"} })
	a := newAttacker(t, v.dir, v.addr)
	s := a.connect()
	secret := scan.SumBytes([]byte("tweet"))
	own := v.record("plain").Ours
	wants := []wire.Want{
		{Path: "out/a", Hash: secret, Size: 5}, {Path: "d/up/a", Hash: secret, Size: 5}, {Path: "canary", Hash: secret, Size: 5},
		{Path: "held.tmp", Hash: scan.SumBytes([]byte("the victim's own held.tmp")), Size: int64(len("the victim's own held.tmp"))},
		{Path: "out", Hash: secret, Size: 5}, {Path: "d", Hash: secret, Size: 5}, {Path: ".duet/stage/x", Hash: secret, Size: 5},
		{Path: "plain", Hash: secret, Size: own.Size}, {Path: "plain", Hash: own.Hash, Size: own.Size + 1},
		{Path: "plain", Hash: own.Hash, Size: math.MaxInt64, Offset: math.MaxInt64 - 1}, {Path: "never", Hash: own.Hash, Size: own.Size},
	}
	for i, p := range s.fetch(wants...) {
		if p.Refusal == wire.None || len(p.Data) > 0 {
			t.Errorf("%s: the victim gives %q", wants[i].Path, p.Data)
		}
	}
	if p := s.fetch(wire.Want{Path: "plain", Hash: own.Hash, Size: own.Size})[0]; string(p.Data) != "the victim's own plain" {
		t.Errorf("what it announced: %+v", p)
	}
	s.close()
	a.proves(v)
}

// Streams by the thousand, of kinds that nobody knows, with half a frame each.
func TestStreams(t *testing.T) {
	v := newVictim(t, nil)
	a := newAttacker(t, v.dir, v.addr)
	s := a.connect()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for i := range 1500 {
		stream, err := s.conn.Open(ctx, []string{"fetch", "control", "shell", "x-11"}[i%4])
		if err != nil {
			continue // too many at a time
		}
		stream.Write([]byte{0, 15, 255, 255, 5, 1, 2, 3})
		stream.Close()
	}
	must(t, s.tell(s.file("meanwhile", "x")))
	until(t, "the victim to go on meanwhile", func() bool { return v.read("meanwhile") == "x" })
	// Half a frame on the stream that counts, and then nothing: the victim
	// waits, and takes the next connection.
	sendBytes(s.ctl, 1000, []byte{2, 1, 2, 3})
	next := make(chan bool)
	go func() { defer close(next); <-s.over }()
	s.conn.Close()
	<-next
	a.proves(v)
}
