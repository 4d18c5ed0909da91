package wire

import (
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"duet/replicate/wire/wirepb"
)

// FuzzPieceIsProtobuf: whatever comes, it says the same as protobuf's own decoder.
func FuzzPieceIsProtobuf(f *testing.F) {
	for _, s := range samples {
		if b := frame(f, s.msg); b[0] == byte(wirepb.Kind_PIECE) {
			f.Add(b[1:])
		}
	}
	twice := protowire.AppendTag(nil, dataField, protowire.BytesType)
	twice = protowire.AppendBytes(twice, []byte("the first"))
	twice = protowire.AppendTag(twice, dataField, protowire.BytesType)
	f.Add(protowire.AppendBytes(twice, []byte("the last")))
	f.Add(protowire.AppendVarint(protowire.AppendTag(nil, dataField, protowire.VarintType), 7))
	f.Add([]byte{0x12, 0x7f})
	f.Add([]byte{0x12, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var got, want wirepb.Piece
		err := unmarshalPiece(b, &got)
		if wrong := proto.Unmarshal(b, &want); (err == nil) != (wrong == nil) {
			t.Fatalf("%x: %v, protobuf says %v", b, err, wrong)
		}
		if err == nil && (!proto.Equal(&got, &want) || (got.Data == nil) != (want.Data == nil)) {
			t.Errorf("%x: %v, protobuf says %v", b, &got, &want)
		}
	})
}

// The data of a piece are where the frame was read into.
func TestPieceIsNotCopied(t *testing.T) {
	b := frame(t, &Piece{ID: 1, Data: []byte("content"), Last: true})
	m, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	p := m.(*Piece)
	clear(b)
	if len(p.Data) != 7 || p.Data[0] != 0 {
		t.Errorf("it has %q", p.Data)
	}
}
