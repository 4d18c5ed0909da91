package transfer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"duet/replicate/chunk"
	"duet/replicate/link"
	"duet/replicate/pace"
	"duet/replicate/wire"
)

// serveAhead is how many requests may wait while one is answered. With it, a
// requester can have the next one here before the answer to the last is sent.
const serveAhead = 2

// Serve answers the peer's requests on s until the peer closes it, which is
// no error, or ctx is done. It closes s. Contents are sent within limit, which may
// be nil; small ones pass large ones. What memory, which may be nil, knows of chunks
// is not cut again.
func Serve(ctx context.Context, s link.Stream, src Source, limit *pace.Limiter, memory *chunk.Memory) error {
	defer s.Close()
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	requests := make(chan *wire.Fetch, serveAhead)
	quit, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- hearRequests(s, requests, quit)
		close(requests)
	}()
	v := server{ctx: ctx, src: src, limit: limit, memory: memory, out: bufio.NewWriterSize(s, 64<<10)}
	err := v.answer(requests)
	v.shut()
	close(quit)
	s.Close() // the reader may be waiting for the peer
	if heard := <-ended; err == nil {
		err = heard
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// hearRequests passes on the peer's requests until it closes the stream.
func hearRequests(s io.Reader, requests chan<- *wire.Fetch, quit <-chan struct{}) error {
	var last uint64
	r := bufio.NewReader(s)
	var buf []byte
	for {
		var m wire.Msg
		var err error
		if m, buf, err = wire.ReadMsgBuf(r, buf); err != nil {
			if err == io.EOF {
				return nil
			}
			return fmt.Errorf("hear a request for contents: %w", err)
		}
		fetch, ok := m.(*wire.Fetch)
		if !ok {
			return wire.Impossible("hear a request for contents: it is a %T", m)
		}
		if first := fetch.Wants[0].ID; first <= last {
			return wire.Impossible("hear a request for contents: want %d after %d", first, last)
		}
		last = fetch.Wants[len(fetch.Wants)-1].ID
		select {
		case requests <- fetch:
		case <-quit:
			return nil
		}
	}
}

// server answers the requests of one stream, one want after another.
type server struct {
	ctx    context.Context
	src    Source
	limit  *pace.Limiter
	memory *chunk.Memory
	out    *bufio.Writer
	frame  []byte
	block  []byte
	squeezer

	open   Content // of the last want for a part: the next one is mostly of the same content
	opened wire.Want
}

func (v *server) answer(requests <-chan *wire.Fetch) error {
	for {
		var fetch *wire.Fetch
		select {
		case fetch = <-requests:
		default: // nothing is waiting: what was said so far has to go out
			v.shut()
			if err := v.out.Flush(); err != nil {
				return fmt.Errorf("send contents: %w", err)
			}
			fetch = <-requests
		}
		if fetch == nil {
			return nil
		}
		for i := range fetch.Wants {
			if err := v.content(&fetch.Wants[i]); err != nil {
				return fmt.Errorf("send contents: %w", err)
			}
		}
	}
}

// content answers one want. The error is of the stream; what goes wrong with
// the content is told to the peer.
func (v *server) content(w *wire.Want) error {
	c, err := v.at(w)
	if err != nil {
		return v.refuse(w, err)
	}
	if w.ChunkBits != 0 {
		return v.chunks(w, c)
	}
	if v.block == nil {
		v.block = make([]byte, wire.MaxPiece)
	}
	for x := (extents{at: w.Offset, w: w}); ; {
		hole, block, err := x.next(c, v.block[:v.limit.Piece(wire.MaxPiece)])
		if err == io.EOF {
			err = fmt.Errorf("it is shorter than announced: %w", ErrChanged)
		}
		if err != nil {
			return v.refuse(w, err)
		}
		if x.first {
			v.begin(block)
		}
		p := &wire.Piece{ID: w.ID, Last: x.at == w.End(), Hole: hole}
		p.Data, p.Zstd = v.piece(block)
		if err := v.wait(len(p.Data), w.Size <= smallFile); err != nil {
			return err
		}
		if err := v.send(p); err != nil || p.Last {
			return err
		}
	}
}

// wait waits until n bytes may be sent.
func (v *server) wait(n int, small bool) error {
	d := v.limit.Reserve(n, small)
	if d <= 0 {
		return nil
	}
	if err := v.out.Flush(); err != nil {
		return err
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-v.ctx.Done():
		return v.ctx.Err()
	}
}

// extents goes through what is wanted, piece by piece.
type extents struct {
	w     *wire.Want
	at    int64
	data  int64 // it is data up to here, as far as is known
	first bool  // this block is the first
	begun bool
}

// next reads the next block into buf, or passes a hole.
func (x *extents) next(c Content, buf []byte) (hole int64, block []byte, err error) {
	end := x.w.End()
	if e, ok := c.(chunk.Extents); ok && x.w.Length > 0 && x.at >= x.data { // who asks for parts knows holes
		from, until, err := e.Data(x.at)
		if err != nil {
			return 0, nil, err
		}
		if hole := min(from, end, x.at+wire.MaxHole) - x.at; hole > 0 {
			x.at += hole
			return hole, nil, nil
		}
		if x.data = until; until <= x.at {
			x.data = end
		}
	}
	if x.data > x.at {
		end = min(end, x.data)
	}
	block = buf[:min(int64(len(buf)), end-x.at)]
	if n, err := c.ReadAt(block, x.at); n < len(block) {
		return 0, nil, err
	}
	x.at += int64(len(block))
	x.first, x.begun = !x.begun, true
	return 0, block, nil
}

// at opens what w is of. A content of which parts are asked for stays open for the
// next part.
func (v *server) at(w *wire.Want) (Content, error) {
	if v.open != nil && v.opened.Path == w.Path && v.opened.Hash == w.Hash && v.opened.Size == w.Size {
		return v.open, nil
	}
	v.shut()
	c, err := v.src.Open(w.Path, w.Hash, w.Size)
	if err == nil {
		v.open, v.opened = c, *w
	}
	return c, err
}

func (v *server) shut() {
	if v.open != nil {
		v.open.Close()
		v.open = nil
	}
}

func (v *server) refuse(w *wire.Want, err error) error {
	refusal := wire.Failed
	switch {
	case errors.Is(err, ErrGone):
		refusal = wire.Gone
	case errors.Is(err, ErrChanged):
		refusal = wire.Changed
	case errors.Is(err, ErrBusy):
		refusal = wire.Busy
	}
	return v.send(&wire.Piece{ID: w.ID, Last: true, Refusal: refusal, Text: err.Error()})
}

func (v *server) send(p *wire.Piece) (err error) {
	if v.frame, err = wire.Append(v.frame[:0], p); err != nil {
		return err
	}
	_, err = v.out.Write(v.frame)
	return err
}
