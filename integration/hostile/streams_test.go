package hostile

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"duet/replicate/wire"
	"duet/replicate/wire/wirepb"
	"duet/scan"
)

// TestStreams opens streams by the thousand, of kinds that nobody knows, with
// half a frame each.
func TestStreams(t *testing.T) {
	t.Parallel()
	v := newVictim(t, setup{})
	a := newAttacker(v)
	s := a.connect()
	for i := range 1500 {
		stream, err := s.open([]string{"fetch", "control", "shell", "x-11"}[i%4])
		if err != nil {
			continue // too many at a time
		}
		stream.Write([]byte{0, 15, 255, 255, 5, 1, 2, 3})
		stream.Close()
	}
	must(t, s.tell(s.file("meanwhile", "x")))
	until(t, "the victim to go on meanwhile", func() bool { return v.read("meanwhile") == "x" })
	s.close()
	a.proves()
}

// TestSilence is silent in the middle of a frame, while pings go on: on the
// stream that carries the changes, on streams on which it asks for contents,
// and on streams on which it was asked for some. Nobody is held up by that but
// itself, and the victim ends when it is told to.
func TestSilence(t *testing.T) {
	t.Parallel()
	half := append([]byte{0, 0, 16, 0, 2}, make([]byte, 100)...)
	tests := map[string]func(t *testing.T, s *session){
		"changes": func(t *testing.T, s *session) {
			_, err := s.ctl.Write(half)
			must(t, err)
		},
		"requests": func(t *testing.T, s *session) {
			for range 20 {
				if stream, err := s.open("fetch"); err == nil {
					stream.Write(half)
				}
			}
		},
		"contents": func(t *testing.T, s *session) {
			asked := make(chan bool, 100)
			s.serving(func(w wire.Want, answer func(wire.Piece) error) error {
				asked <- true
				answer(wire.Piece{Data: make([]byte, 1000)})
				<-s.over
				return nil
			})
			for i, size := range []int64{300 << 10, 400 << 10, 40 << 10} {
				e := fileOf("")
				e.Size, e.Hash = size, scan.SumBytes([]byte{byte(i)})
				must(t, s.tell(s.change(strings.Repeat("x", i+1), e, nil)))
				<-asked
			}
		},
		"half of a hello": func(t *testing.T, s *session) {},
	}
	for name, be := range tests {
		t.Run(name, func(t *testing.T) {
			v := newVictim(t, setup{})
			a := newAttacker(v)
			if name == "half of a hello" {
				s := a.dial()
				_, err := s.ctl.Write(half)
				must(t, err)
			} else {
				be(t, a.connect())
			}
			was := v.honest.count()
			until(t, "the other share to go on", func() bool { return v.honest.count() > was+4 })
			a.redial()
			a.proves()
			if name == "half of a hello" {
				_, err := a.dial().ctl.Write(half)
				must(t, err)
			} else {
				be(t, a.connect())
			}
			// The victim is told to end now, by the clean-up: with a session
			// that is silent.
		})
	}
}

// TestWants asks for as much at a time as can be asked for, on as many streams
// as there can be, and reads no answer.
func TestWants(t *testing.T) {
	t.Parallel()
	v := newVictim(t, setup{})
	a := newAttacker(v)
	s := a.connect()
	hash := scan.SumBytes(nil)
	path := []byte(strings.Repeat("n", 250) + strings.Repeat("/"+strings.Repeat("n", 240), 3))
	var running sync.WaitGroup
	for range 31 {
		stream, err := s.open("fetch")
		must(t, err)
		running.Go(func() {
			for id := uint64(1); ; {
				m := &wirepb.Fetch{}
				for range wire.MaxWants {
					m.Wants = append(m.Wants, &wirepb.Want{Id: id, Path: path, Hash: hash[:], Size: 1})
					id++
				}
				if sendRaw(stream, wirepb.Kind_FETCH, m) != nil {
					return
				}
			}
		})
	}
	time.AfterFunc(2*time.Second, func() { s.conn.Close() })
	running.Wait()
	<-s.over
	a.proves()
}

// TestConnections makes many connections at a time, of which each takes the
// place of the one before, and many that never join.
func TestConnections(t *testing.T) {
	t.Parallel()
	v := newVictim(t, setup{})
	a := newAttacker(v)
	var hubs sync.WaitGroup
	for range 8 {
		hub, _ := newHub(v, 200*time.Millisecond)
		hubs.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			conns := hub.Endpoint("bad").Conns()
			go func() {
				for range conns { // each ends with the next
				}
			}()
			hub.Run(ctx)
		})
	}
	hubs.Wait()
	a.redial()
	a.proves()
	if n := len(grep(v.log(0), `"share":"bad"`)); n > 1000 {
		t.Errorf("%d lines of log", n)
	}
}
