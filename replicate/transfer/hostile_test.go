package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/zstd"

	"duet/replicate/link"
	"duet/replicate/link/linktest"
	"duet/replicate/transfer"
	"duet/replicate/transfer/transfertest"
	"duet/replicate/wire"
	"duet/scan"
	"duet/scan/vfs"
	"duet/store/index"
)

// A peer that answers nonsense costs the wants that it was asked for, and
// neither memory nor the Fetcher.
func TestHostileServer(t *testing.T) {
	bomb := func(n int) []byte {
		e, err := zstd.NewWriter(nil)
		if err != nil {
			t.Fatal(err)
		}
		return e.EncodeAll(make([]byte, n), nil)
	}
	data := func(n int) []byte { return make([]byte, n) }
	for _, c := range []struct {
		name string
		size int64
		say  func(w io.Writer, id uint64) error
		want string
	}{
		{"more than announced", 10, say(&wire.Piece{Data: data(11), Last: true}), "sends more than the 10 bytes"},
		{"more and more", 300 << 10, func(w io.Writer, id uint64) error {
			for {
				if err := wire.WriteMsg(w, &wire.Piece{ID: id, Data: data(wire.MaxPiece)}); err != nil {
					return err
				}
			}
		}, "sends more than"},
		{"less than announced", 10, say(&wire.Piece{Data: data(9), Last: true}), "9 of 10 bytes"},
		{"less of a large one", 1 << 20, say(&wire.Piece{Data: data(9), Last: true}), "9 of 1048576 bytes"},
		{"another want", 10, func(w io.Writer, id uint64) error {
			return wire.WriteMsg(w, &wire.Piece{ID: id + 1, Data: data(10), Last: true})
		}, "not its turn"},
		{"a bomb", 1 << 30, say(&wire.Piece{Data: bomb(1 << 27), Zstd: true, Last: true}), "expand"},
		{"a small bomb", 10, say(&wire.Piece{Data: bomb(11), Zstd: true, Last: true}), "sends more than the 10 bytes"},
		{"no zstd", 10, say(&wire.Piece{Data: data(10), Zstd: true, Last: true}), "expand"},
		{"another message", 10, func(w io.Writer, _ uint64) error { return wire.WriteMsg(w, &wire.Ack{}) }, "sent a *wire.Ack"},
		{"garbage", 10, func(w io.Writer, _ uint64) error { _, err := w.Write(data(100)); return err }, "empty frame"},
		{"a huge frame", 10, func(w io.Writer, _ uint64) error { _, err := io.WriteString(w, "\xff\xff\xff\xff"); return err }, "limit is"},
		{"nothing", 10, func(io.Writer, uint64) error { return io.EOF }, "closed the stream"},
	} {
		t.Run(c.name, func(t *testing.T) {
			here, there := linktest.Pipe()
			defer here.Close()
			go linktest.Serve(there, func(s link.Stream) {
				transfertest.Wants(s, func(w wire.Want) error {
					if w.Path == "fine" {
						return wire.WriteMsg(s, &wire.Piece{ID: w.ID, Data: []byte("fine"), Last: true})
					}
					return c.say(s, w.ID)
				})
			})
			files := newTree(t)
			f := transfer.NewFetcher(transfer.Options{Open: here.Open, Files: files})
			defer f.Close()
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			var got error
			bad := transfer.Want{Path: "p", Hash: index.Hash{1}, Size: c.size}
			if err := f.Fetch(ctx, []transfer.Want{bad}, func(r transfer.Result) { got = r.Err }); err != nil {
				t.Fatal(err)
			}
			if got == nil || !strings.Contains(got.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", got, c.want)
			}
			good := transfer.Want{Path: "fine", Hash: scan.SumBytes([]byte("fine")), Size: 4, Meta: vfs.Meta{Mode: 0o600, UID: -1, GID: -1}}
			if err := f.Fetch(ctx, []transfer.Want{good}, func(r transfer.Result) { got = r.Err }); err != nil || got != nil {
				t.Errorf("after that: %v, %v", err, got)
			}
		})
	}
}

func say(p *wire.Piece) func(io.Writer, uint64) error {
	return func(w io.Writer, id uint64) error {
		q := *p
		q.ID = id
		return wire.WriteMsg(w, &q)
	}
}

func TestHostileRequests(t *testing.T) {
	fetch := func(ids ...uint64) []byte {
		m := &wire.Fetch{}
		for _, id := range ids {
			m.Wants = append(m.Wants, wire.Want{ID: id, Path: "p", Hash: index.Hash{1}, Size: 1})
		}
		b, err := wire.Append(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, c := range []struct {
		name string
		in   []byte
		then string // what the peer does next
		want string
	}{
		{"the same want again", bytes.Join([][]byte{fetch(1, 2), fetch(2)}, nil), "", "want 2 after 2"},
		{"another message", []byte{0, 0, 0, 3, 3, 8, 1}, "", "it is a *wire.Ack"},
		{"garbage", make([]byte, 10), "", "empty frame"},
		{"cut", fetch(1)[:9], "closes", "unexpected EOF"},
		{"orderly", fetch(1), "closes when it is answered", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := linktest.Pipe()
			defer a.Close()
			s, u := streams(t, a, b)
			served := make(chan error, 1)
			go func() { served <- transfer.Serve(context.Background(), u, &shelf{}, nil, nil) }()
			answered := make(chan struct{})
			go func() {
				if _, err := wire.ReadMsg(s); err == nil {
					close(answered)
				}
				io.Copy(io.Discard, s)
			}()
			if _, err := s.Write(c.in); err != nil {
				t.Fatal(err)
			}
			if c.then == "closes when it is answered" {
				<-answered
			}
			if c.then != "" {
				s.Close()
			}
			select {
			case err := <-served:
				if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want %q", err, c.want)
				}
			case <-time.After(patience):
				t.Fatal("still serving")
			}
		})
	}
}

// Serve ends with its context, even while the peer takes nothing.
func TestServeEnds(t *testing.T) {
	a, b := linktest.Pipe()
	defer a.Close()
	s, u := streams(t, a, b)
	src := &shelf{}
	w := src.put("p", noise(20<<20))
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- transfer.Serve(ctx, u, src, nil, nil) }()
	if err := wire.WriteMsg(s, &wire.Fetch{Wants: []wire.Want{{ID: 1, Path: w.Path, Hash: w.Hash, Size: w.Size}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := wire.ReadMsg(s); err != nil {
		t.Fatal(err)
	}
	cancel()
	select {
	case err := <-served:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("still serving")
	}
	if read := src.read.Load(); read > 4<<20 {
		t.Errorf("%d bytes were read for a peer that takes nothing", read)
	}
}

func streams(t *testing.T, a, b link.Conn) (s, u link.Stream) {
	t.Helper()
	s, err := a.Open(context.Background(), transfer.StreamKind)
	if err != nil {
		t.Fatal(err)
	}
	if u, err = b.Accept(context.Background()); err != nil {
		t.Fatal(err)
	}
	return s, u
}

// The next request is sent before the last one is answered: this peer never
// answers, and has more requests than there are streams.
func TestRequestsAreSentAhead(t *testing.T) {
	a, b := linktest.Pipe()
	defer a.Close()
	requests := make(chan *wire.Fetch)
	go linktest.Serve(b, func(s link.Stream) {
		for {
			m, err := wire.ReadMsg(s)
			if err != nil {
				return
			}
			requests <- m.(*wire.Fetch)
		}
	})
	f := transfer.NewFetcher(transfer.Options{Open: a.Open, Files: newTree(t), Streams: 2})
	var wants []transfer.Want
	for i := range 2000 {
		wants = append(wants, transfer.Want{Path: "p", Hash: index.Hash{1, byte(i), byte(i >> 8)}, Size: 1})
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	gaveUp := make(chan error, 1)
	go func() { gaveUp <- f.Fetch(ctx, wants, func(r transfer.Result) { t.Error(r) }) }()
	outstanding := 0
	for n := range 4 {
		select {
		case m := <-requests:
			outstanding += len(m.Wants)
		case <-ctx.Done():
			t.Fatalf("only %d requests while none is answered", n)
		}
	}
	if outstanding > 2*wire.MaxWants {
		t.Errorf("%d wants are outstanding on two streams", outstanding)
	}
	cancel()
	if err := <-gaveUp; !errors.Is(err, context.Canceled) {
		t.Errorf("gave up with %v", err)
	}
	f.Close()
}

// A peer that goes silent in the middle of a content costs that content, after a
// while; one that is only slow does not.
func TestSilentServer(t *testing.T) {
	for name, c := range map[string]struct {
		serve func(s link.Stream, id uint64)
		want  string
	}{
		"silent": {func(s link.Stream, id uint64) {
			s.Write([]byte{0, 0, 16, 0, 6, 8, byte(id)})
			silence(s)
		}, "sent nothing for 1m0s"},
		"silent from the start": {func(s link.Stream, _ uint64) { silence(s) }, "sent nothing for 1m0s"},
		"slow": {func(s link.Stream, id uint64) {
			for i := range 20 {
				time.Sleep(50 * time.Second)
				wire.WriteMsg(s, &wire.Piece{ID: id, Data: make([]byte, 1), Last: i == 19})
			}
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			files := newTree(t)
			synctest.Test(t, func(t *testing.T) {
				here, there := linktest.Pipe()
				ctx, cancel := context.WithCancel(t.Context())
				var running sync.WaitGroup
				running.Go(func() {
					linktest.Serve(there, func(s link.Stream) {
						transfertest.Wants(s, func(w wire.Want) error {
							if w.Path == "fine" {
								return wire.WriteMsg(s, &wire.Piece{ID: w.ID, Data: make([]byte, 4), Last: true})
							}
							c.serve(s, w.ID)
							return nil
						})
					})
				})
				f := transfer.NewFetcher(transfer.Options{Open: here.Open, Files: files})
				meta := vfs.Meta{Mode: 0o600, UID: -1, GID: -1}
				var got error
				fetch := func(path index.Path, size int64) {
					w := transfer.Want{Path: path, Hash: scan.SumBytes(make([]byte, size)), Size: size, Meta: meta}
					if err := f.Fetch(ctx, []transfer.Want{w}, func(r transfer.Result) { got = r.Err }); err != nil {
						t.Error(err)
					}
				}
				if fetch("p", 20); (got == nil) != (c.want == "") || got != nil && !strings.Contains(got.Error(), c.want) {
					t.Errorf("got %v, want %q", got, c.want)
				}
				time.Sleep(time.Hour) // who owes nothing may be silent
				if fetch("fine", 4); got != nil {
					t.Errorf("after that: %v", got)
				}
				f.Close()
				cancel()
				here.Close()
				running.Wait()
			})
		})
	}
}

// silence lasts until the other side closes the stream.
func silence(s link.Stream) { io.Copy(io.Discard, s) }
