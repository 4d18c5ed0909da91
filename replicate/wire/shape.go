package wire

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"duet/store/index"
)

// shape says how often a message may carry the fields that cost memory: two
// bytes on the wire become a hundred once decoded, so they are counted before.
type shape map[protowire.Number]struct {
	max int
	in  shape // of the field's own message
}

var (
	helloShape    = shape{20: {max: MaxIgnores}, 27: {max: 1, in: reserveShape}, 30: {max: 1, in: guardShape}}
	ackShape      = shape{4: {max: 1, in: guardShape}}
	guardShape    = shape{1: {max: MaxBounds}, 2: {max: MaxLeaves}}
	controlShape  = shape{3: {max: 1, in: reserveShape}}
	reserveShape  = shape{3: {max: index.MaxReservePatterns}, 6: {max: index.MaxReservePaths}}
	fetchShape    = shape{1: {max: MaxWants}}
	changesShape  = shape{1: {max: MaxChanges, in: changeShape}}
	changeShape   = shape{3: {max: 1, in: entryShape}}
	compareShape  = shape{4: {max: MaxCuts}}
	digestsShape  = shape{1: {max: MaxCuts + 1}}
	listingShape  = shape{1: {max: MaxItems, in: itemShape}}
	verifiedShape = shape{1: {max: MaxFindings}}
	itemShape     = shape{2: {max: 1, in: entryShape}}
	entryShape    = shape{10: {max: index.MaxCounters}, 11: {max: index.MaxCounters}, 13: {max: 1, in: settledShape}}
	settledShape  = shape{1: {max: index.MaxCounters}}
)

func (s shape) check(b []byte) error {
	var counts [32]int // no counted field has a higher number
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if n = protowire.ConsumeFieldValue(num, typ, b); n < 0 {
			return protowire.ParseError(n)
		}
		value := b[:n]
		b = b[n:]
		limit, ok := s[num]
		if !ok {
			continue
		}
		if counts[num]++; counts[num] > limit.max {
			return fmt.Errorf("field %d occurs more than %d times", num, limit.max)
		}
		if limit.in == nil || typ != protowire.BytesType {
			continue
		}
		inner, _ := protowire.ConsumeBytes(value)
		if err := limit.in.check(inner); err != nil {
			return err
		}
	}
	return nil
}

func unmarshalShaped(b []byte, p proto.Message, s shape) error {
	if err := s.check(b); err != nil {
		return err
	}
	return proto.Unmarshal(b, p)
}
