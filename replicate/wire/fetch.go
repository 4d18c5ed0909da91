package wire

import (
	"errors"
	"fmt"

	"duet/replicate/wire/wirepb"
	"duet/store/index"
)

// Fetch asks for contents. They are answered in the order of the wants, on the
// stream that asked.
type Fetch struct {
	Wants []Want // at least one, at most MaxWants
}

// Want asks for one content.
type Want struct {
	ID     uint64     // not 0; the stream's requester numbers its wants upwards
	Path   index.Path // where the peer said that it has it
	Hash   index.Hash
	Size   int64 // of the whole content
	Offset int64 // of the first byte wanted, at most Size
}

// Piece is a part of the answer to a Want. Pieces of a want follow each other
// without gap, the last one marked; an answer of no bytes is one empty piece.
type Piece struct {
	ID      uint64
	Data    []byte // at most MaxPiece bytes
	Zstd    bool   // Data is one zstd frame, of at most MaxPiece bytes once decoded
	Last    bool
	Refusal Refusal // if not None: no more comes, Last is set and Data empty
	Text    string  // says why, for people
}

// Refusal is why a want is not answered.
type Refusal uint8

// Why a want is not answered.
const (
	None    Refusal = iota
	Gone            // nothing is at that path any more, or was ever
	Changed         // what is there has another content by now
	Busy            // not now; ask again later
	Failed          // it could not be read
)

func (r Refusal) String() string {
	if r > Failed {
		return fmt.Sprintf("refusal(%d)", uint8(r))
	}
	return [...]string{"none", "gone", "changed", "busy", "failed"}[r]
}

func (m *Fetch) check() error {
	if len(m.Wants) == 0 || len(m.Wants) > MaxWants {
		return fmt.Errorf("%d wants: must be 1 to %d", len(m.Wants), MaxWants)
	}
	var last uint64
	for i := range m.Wants {
		w := &m.Wants[i]
		if w.ID <= last {
			return fmt.Errorf("want %d after %d", w.ID, last)
		}
		last = w.ID
		if err := w.check(); err != nil {
			return fmt.Errorf("want %d: %w", w.ID, err)
		}
	}
	return nil
}

func (w *Want) check() error {
	if _, err := index.ParsePath(string(w.Path)); err != nil {
		return err
	}
	switch {
	case w.Hash.IsZero():
		return errors.New("no hash")
	case w.Size < 0:
		return fmt.Errorf("size %d", w.Size)
	case w.Offset < 0 || w.Offset > w.Size:
		return fmt.Errorf("offset %d of a content of %d bytes", w.Offset, w.Size)
	}
	return nil
}

func (m *Piece) check() error {
	switch {
	case m.ID == 0:
		return errors.New("answers no want")
	case len(m.Data) > MaxPiece:
		return fmt.Errorf("%d bytes: the limit is %d", len(m.Data), MaxPiece)
	case m.Zstd && len(m.Data) == 0:
		return errors.New("compressed, but empty")
	case m.Refusal > Failed:
		return fmt.Errorf("unknown refusal %d", m.Refusal)
	case m.Refusal != None && (len(m.Data) > 0 || !m.Last):
		return errors.New("refuses, and goes on")
	case m.Refusal == None && len(m.Data) == 0 && !m.Last:
		return errors.New("empty, and not the last")
	}
	return nil
}

func (m *Fetch) proto() *wirepb.Fetch {
	p := &wirepb.Fetch{Wants: make([]*wirepb.Want, len(m.Wants))}
	for i, w := range m.Wants {
		p.Wants[i] = &wirepb.Want{Id: w.ID, Path: []byte(w.Path), Hash: w.Hash[:], Size: w.Size, Offset: w.Offset}
	}
	return p
}

func fetchFrom(p *wirepb.Fetch) (*Fetch, error) {
	m := &Fetch{Wants: make([]Want, len(p.Wants))}
	for i, w := range p.Wants {
		if len(w.Hash) != len(index.Hash{}) {
			return nil, fmt.Errorf("want %d: hash of %d bytes", w.Id, len(w.Hash))
		}
		m.Wants[i] = Want{w.Id, index.Path(w.Path), index.Hash(w.Hash), w.Size, w.Offset}
	}
	return m, nil
}

func (m *Piece) proto() *wirepb.Piece {
	return &wirepb.Piece{
		Id: m.ID, Data: m.Data, Zstd: m.Zstd, Last: m.Last,
		Refusal: wirepb.Refusal(m.Refusal), Text: Text(m.Text),
	}
}

func pieceFrom(p *wirepb.Piece) (*Piece, error) {
	if p.Refusal < 0 || p.Refusal > wirepb.Refusal(Failed) {
		return nil, fmt.Errorf("unknown refusal %d", p.Refusal)
	}
	return &Piece{p.Id, p.Data, p.Zstd, p.Last, Refusal(p.Refusal), Text(p.Text)}, nil
}
