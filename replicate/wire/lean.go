package wire

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"duet/replicate/wire/wirepb"
)

// dataField is the number of wirepb.Piece.Data.
const dataField protowire.Number = 2

// unmarshalPiece is proto.Unmarshal, but that the data are not copied: they point
// into b. They are nearly all that crosses when large files do.
func unmarshalPiece(b []byte, p *wirepb.Piece) error {
	var data []byte
	rest := make([]byte, 0, 64) // all the other fields
	for left := b; len(left) > 0; {
		num, typ, n := protowire.ConsumeTag(left)
		if n < 0 {
			return proto.Unmarshal(b, p) // it says what is wrong
		}
		if num == dataField && typ == protowire.BytesType {
			v, m := protowire.ConsumeBytes(left[n:])
			if m < 0 {
				return proto.Unmarshal(b, p)
			}
			data, left = v, left[n+m:] // the last one counts
			continue
		}
		m := protowire.ConsumeFieldValue(num, typ, left[n:])
		if m < 0 {
			return proto.Unmarshal(b, p)
		}
		rest, left = append(rest, left[:n+m]...), left[n+m:]
	}
	if err := proto.Unmarshal(rest, p); err != nil {
		return err
	}
	if len(data) > 0 {
		p.Data = data
	}
	return nil
}
