package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"duet/replicate/chunk"
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
	Length int64 // of what is wanted; 0: all from Offset on

	// ChunkBits, if not 0, asks for the chunks of the content (package chunk),
	// of 2^ChunkBits bytes on average, instead of the content.
	ChunkBits uint8
}

// End is where what is wanted ends.
func (w *Want) End() int64 {
	if w.Length == 0 {
		return w.Size
	}
	return w.Offset + w.Length
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

	// Instead of Data:
	Hole   int64         // so many zeros, at most MaxHole, that the file does not store
	Chunks []chunk.Chunk // at most MaxChunks
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
	case w.Length < 0 || w.Length > w.Size-w.Offset:
		return fmt.Errorf("%d bytes at %d of a content of %d", w.Length, w.Offset, w.Size)
	case w.ChunkBits != 0 && (w.ChunkBits < chunk.MinBits || w.ChunkBits > chunk.MaxBits):
		return fmt.Errorf("chunks of 2^%d bytes", w.ChunkBits)
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
	case m.Hole < 0 || m.Hole > MaxHole:
		return fmt.Errorf("%d zeros: the limit is %d", m.Hole, MaxHole)
	case len(m.Chunks) > MaxChunks:
		return fmt.Errorf("%d chunks: the limit is %d", len(m.Chunks), MaxChunks)
	}
	parts := 0
	for _, has := range []bool{len(m.Data) > 0, m.Hole > 0, len(m.Chunks) > 0} {
		if has {
			parts++
		}
	}
	switch {
	case parts > 1:
		return errors.New("data, zeros and chunks: must be one of them")
	case m.Refusal != None && (parts > 0 || !m.Last):
		return errors.New("refuses, and goes on")
	case m.Refusal == None && parts == 0 && !m.Last:
		return errors.New("empty, and not the last")
	}
	for i, c := range m.Chunks {
		if c.Len <= 0 || c.Len > math.MaxUint32 {
			return fmt.Errorf("chunk %d of %d bytes", i, c.Len)
		}
	}
	return nil
}

func (m *Fetch) proto() *wirepb.Fetch {
	p := &wirepb.Fetch{Wants: make([]*wirepb.Want, len(m.Wants))}
	for i, w := range m.Wants {
		p.Wants[i] = &wirepb.Want{Id: w.ID, Path: []byte(w.Path), Hash: w.Hash[:], Size: w.Size, Offset: w.Offset,
			Length: w.Length, ChunkBits: uint32(w.ChunkBits)}
	}
	return p
}

func fetchFrom(p *wirepb.Fetch) (*Fetch, error) {
	m := &Fetch{Wants: make([]Want, len(p.Wants))}
	for i, w := range p.Wants {
		if len(w.Hash) != len(index.Hash{}) {
			return nil, fmt.Errorf("want %d: hash of %d bytes", w.Id, len(w.Hash))
		}
		if w.ChunkBits > chunk.MaxBits {
			return nil, fmt.Errorf("want %d: chunks of 2^%d bytes", w.Id, w.ChunkBits)
		}
		m.Wants[i] = Want{w.Id, index.Path(w.Path), index.Hash(w.Hash), w.Size, w.Offset, w.Length, uint8(w.ChunkBits)}
	}
	return m, nil
}

// chunkSize is what a chunk takes in a Piece.
const chunkSize = 12

func (m *Piece) proto() *wirepb.Piece {
	var chunks []byte
	for _, c := range m.Chunks {
		chunks = binary.BigEndian.AppendUint32(chunks, uint32(c.Len))
		chunks = binary.BigEndian.AppendUint64(chunks, c.Sum)
	}
	return &wirepb.Piece{
		Id: m.ID, Data: m.Data, Zstd: m.Zstd, Last: m.Last,
		Refusal: wirepb.Refusal(m.Refusal), Text: Text(m.Text), Hole: m.Hole, Chunks: chunks,
	}
}

func pieceFrom(p *wirepb.Piece) (*Piece, error) {
	if p.Refusal < 0 || p.Refusal > wirepb.Refusal(Failed) {
		return nil, fmt.Errorf("unknown refusal %d", p.Refusal)
	}
	if len(p.Chunks)%chunkSize != 0 {
		return nil, fmt.Errorf("%d bytes of chunks: must be %d for each", len(p.Chunks), chunkSize)
	}
	if n := len(p.Chunks) / chunkSize; n > MaxChunks {
		return nil, fmt.Errorf("%d chunks: the limit is %d", n, MaxChunks)
	}
	m := &Piece{ID: p.Id, Data: p.Data, Zstd: p.Zstd, Last: p.Last, Refusal: Refusal(p.Refusal), Text: Text(p.Text), Hole: p.Hole}
	if n := len(p.Chunks) / chunkSize; n > 0 {
		m.Chunks = make([]chunk.Chunk, n)
		for i := range m.Chunks {
			b := p.Chunks[i*chunkSize:]
			m.Chunks[i] = chunk.Chunk{Len: int64(binary.BigEndian.Uint32(b)), Sum: binary.BigEndian.Uint64(b[4:])}
		}
	}
	return m, nil
}
