package index

import (
	"google.golang.org/protobuf/encoding/protowire"
)

// Records and events are most of what an index reads and writes, several of
// them for each path that changes. Their messages are written and read here
// field by field, without the generated types: that takes a fifth of the time.
// The bytes are those of protobuf, and a test compares them.
//
// The writers leave out what has its default value, as protobuf does. The
// readers let through what is not in canonical form; who calls them writes
// again what was read, and compares.

func putVarint(b []byte, num protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), v)
}

func putFixed(b []byte, num protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendFixed64(protowire.AppendTag(b, num, protowire.Fixed64Type), v)
}

func putBytes[T ~string | ~[]byte](b []byte, num protowire.Number, v T) []byte {
	if len(v) == 0 {
		return b
	}
	b = protowire.AppendVarint(protowire.AppendTag(b, num, protowire.BytesType), uint64(len(v)))
	return append(b, v...)
}

// openMessage begins a message within a message; what is appended until
// closeMessage is its body. (No func is passed for that: the compiler could not
// tell that it keeps nothing, and would put every buffer on the heap.)
func openMessage(b []byte, num protowire.Number) (_ []byte, at int) {
	b = protowire.AppendTag(b, num, protowire.BytesType)
	return append(b, 0), len(b)
}

// closeMessage writes the length, for which most messages need one byte.
func closeMessage(b []byte, at int) []byte {
	n := len(b) - at - 1
	if n < 0x80 {
		b[at] = byte(n)
		return b
	}
	for range protowire.SizeVarint(uint64(n)) - 1 {
		b = append(b, 0)
	}
	copy(b[len(b)-n:], b[at+1:])
	protowire.AppendVarint(b[:at], uint64(n))
	return b
}

func putEntry(b []byte, num protowire.Number, e *Entry) []byte {
	if e == nil {
		return b
	}
	b, at := openMessage(b, num)
	return closeMessage(appendEntry(b, e), at)
}

func putVersion(b []byte, num protowire.Number, v Version) []byte {
	for _, c := range v {
		var at int
		b, at = openMessage(b, num)
		b = closeMessage(putVarint(putFixed(b, 1, uint64(c.Epoch)), 2, uint64(c.Seq)), at)
	}
	return b
}

// fields reads the fields of a message one after the other.
type fields struct {
	rest []byte
	num  protowire.Number
	v    uint64 // of a number
	b    []byte // of anything else
	bad  bool
}

// next reads a field; false at the end, or if what follows is none.
func (f *fields) next() bool {
	if len(f.rest) == 0 {
		return false
	}
	num, typ, n := protowire.ConsumeTag(f.rest)
	if n < 0 {
		f.bad = true
		return false
	}
	f.num, f.v, f.b = num, 0, nil
	f.rest = f.rest[n:]
	switch typ {
	case protowire.VarintType:
		f.v, n = protowire.ConsumeVarint(f.rest)
	case protowire.Fixed64Type:
		f.v, n = protowire.ConsumeFixed64(f.rest)
	case protowire.BytesType:
		f.b, n = protowire.ConsumeBytes(f.rest)
	default:
		n = -1 // no message here has such a field
	}
	if n < 0 {
		f.bad = true
		return false
	}
	f.rest = f.rest[n:]
	return true
}

func (f *fields) err() error {
	if f.bad {
		return errCanonical
	}
	return nil
}

// narrow is a number for a field of 32 bits. What does not fit comes out as
// something that will not be written again.
func (f *fields) narrow() uint32 { return uint32(f.v) }

// readCounter appends a component to v, but never more than a Version may have
// by one, which its check refuses.
func (f *fields) readCounter(v Version) (Version, error) {
	if len(v) > MaxCounters {
		return v, v.check()
	}
	var c Counter
	in := fields{rest: f.b}
	for in.next() {
		switch in.num {
		case 1:
			c.Epoch = Epoch(in.v)
		case 2:
			c.Seq = Seq(in.v)
		}
	}
	if v == nil {
		v = make(Version, 0, 2)
	}
	return append(v, c), in.err()
}
