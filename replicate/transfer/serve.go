package transfer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"duet/replicate/link"
	"duet/replicate/wire"
)

// serveAhead is how many requests may wait while one is answered. With it, a
// requester can have the next one here before the answer to the last is sent.
const serveAhead = 2

// Serve answers the peer's requests on s until the peer closes it, which is
// no error, or ctx is done. It closes s.
func Serve(ctx context.Context, s link.Stream, src Source) error {
	defer s.Close()
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	requests := make(chan *wire.Fetch, serveAhead)
	quit, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- hearRequests(s, requests, quit)
		close(requests)
	}()
	v := server{src: src, out: bufio.NewWriterSize(s, 64<<10)}
	err := v.answer(requests)
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
	src   Source
	out   *bufio.Writer
	frame []byte
	block []byte
	squeezer
}

func (v *server) answer(requests <-chan *wire.Fetch) error {
	for {
		var fetch *wire.Fetch
		select {
		case fetch = <-requests:
		default: // nothing is waiting: what was said so far has to go out
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
	c, err := v.src.Open(w.Path, w.Hash, w.Size)
	if err != nil {
		return v.refuse(w, err)
	}
	defer c.Close()
	if v.block == nil {
		v.block = make([]byte, wire.MaxPiece)
	}
	for at := w.Offset; ; {
		block := v.block[:min(int64(wire.MaxPiece), w.Size-at)]
		if n, err := c.ReadAt(block, at); n < len(block) {
			if err == io.EOF {
				err = fmt.Errorf("it is shorter than announced: %w", ErrChanged)
			}
			return v.refuse(w, err)
		}
		if at == w.Offset {
			v.begin(block)
		}
		at += int64(len(block))
		p := &wire.Piece{ID: w.ID, Last: at == w.Size}
		p.Data, p.Zstd = v.piece(block)
		if err := v.send(p); err != nil || p.Last {
			return err
		}
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
