package transfer

import (
	"errors"
	"io"

	"bytes"

	"duet/replicate/chunk"
	"duet/replicate/wire"
)

// compare asks of which small chunks a part consists, takes from base those that it
// has, and asks for the others.
func (a *assembly) compare(l *line, p *part, base []byte) {
	var theirs []chunk.Chunk
	n := chunk.Fine(a.f.opt.Delta)
	w := a.want(p.off, p.size)
	w.ChunkBits = n
	l.ask(&ask{want: w, fail: a.stop, take: func(piece *wire.Piece, _ []byte) error {
		if len(theirs)+len(piece.Chunks) > int(p.size>>(n-1))+2*wire.MaxChunks {
			return errors.New("the peer says more chunks than there can be")
		}
		theirs = append(theirs, piece.Chunks...)
		if piece.Last {
			a.fill(l, p, base, theirs)
		}
		return nil
	}})
}

// fill puts into p what of it base has, and asks for the rest.
func (a *assembly) fill(l *line, p *part, base []byte, theirs []chunk.Chunk) {
	had := map[chunk.Chunk]int64{}
	r := chunk.NewReader(bytes.NewReader(base), 0, int64(len(base)), chunk.Fine(a.f.opt.Delta))
	for at := int64(0); ; {
		c, err := r.Next(nil)
		if err == io.EOF {
			break
		}
		had[c] = at
		at += c.Len
	}
	p.buffer()
	var wanted []span
	at, here := int64(0), int64(0)
	for _, c := range theirs {
		if c.Len > p.size-at {
			break // nonsense: the rest is asked for
		}
		off, ok := had[c]
		switch {
		case c.Sum == chunk.Hole:
			clear(p.data[at : at+c.Len])
			here += c.Len
		case ok:
			copy(p.data[at:at+c.Len], base[off:])
			here += c.Len
		case len(wanted) > 0 && wanted[len(wanted)-1].from+wanted[len(wanted)-1].size == at:
			wanted[len(wanted)-1].size += c.Len
		default:
			wanted = append(wanted, span{at, c.Len})
		}
		at += c.Len
	}
	if at < p.size {
		wanted = append(wanted, span{at, p.size - at})
	}
	if p.missing -= here; p.missing == 0 {
		close(p.ready)
		return
	}
	for _, w := range wanted {
		a.request(l, p, w.from, w.size)
	}
}
