package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"

	"duet/replicate/wire/wirepb"
)

// Msg is a message: *Hello, *Changes, *Ack, *Control, *Fetch, *Piece, *Compare,
// *Digests, *Listing, *Verify or *Verified.
type Msg interface {
	check() error
}

// InvalidError means that what was read is no message, as against a stream that
// broke: the sender does not keep to the protocol.
type InvalidError struct{ err error }

func (e *InvalidError) Error() string { return e.err.Error() }
func (e *InvalidError) Unwrap() error { return e.err }

var errEmpty = &InvalidError{errors.New("empty frame")}

// WriteMsg checks m and writes it as one frame, with one Write.
func WriteMsg(w io.Writer, m Msg) error {
	b, err := Append(nil, m)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// Append checks m and appends it to b as one frame.
func Append(b []byte, m Msg) ([]byte, error) {
	kind, body := encode(m)
	if err := m.check(); err != nil {
		return b, fmt.Errorf("send %s: %w", kindName(kind), err)
	}
	start := len(b)
	b = append(b, 0, 0, 0, 0, byte(kind))
	b, err := proto.MarshalOptions{Deterministic: true}.MarshalAppend(b, body)
	if err != nil {
		return b[:start], fmt.Errorf("send %s: %w", kindName(kind), err)
	}
	n := len(b) - start - 4
	if n > MaxFrame {
		return b[:start], fmt.Errorf("send %s: %d bytes: the limit is %d", kindName(kind), n, MaxFrame)
	}
	binary.BigEndian.PutUint32(b[start:], uint32(n))
	return b, nil
}

// ReadMsg reads one frame and returns its message, checked. At the end of the
// stream, between two frames, it returns io.EOF; inside one,
// io.ErrUnexpectedEOF.
func ReadMsg(r io.Reader) (Msg, error) {
	m, _, err := ReadMsgBuf(r, nil)
	return m, err
}

// ReadMsgBuf is ReadMsg with a buffer to read the frame into; it returns the
// buffer, perhaps grown, for the next call. No message points into it but a
// Piece, whose Data does.
func ReadMsgBuf(r io.Reader, buf []byte) (Msg, []byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, buf, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n == 0 {
		return nil, buf, errEmpty
	}
	if n > MaxFrame {
		return nil, buf, &InvalidError{fmt.Errorf("frame of %d bytes: the limit is %d", n, MaxFrame)}
	}
	if uint32(cap(buf)) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if _, err := io.ReadFull(r, buf); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, buf, err
	}
	m, err := Decode(buf)
	return m, buf, err
}

// Decode decodes and checks what a frame holds: the kind and the message.
func Decode(b []byte) (Msg, error) {
	if len(b) == 0 {
		return nil, errEmpty
	}
	kind := wirepb.Kind(b[0])
	m, err := decode(kind, b[1:])
	if err == nil {
		err = m.check()
	}
	if err != nil {
		return nil, &InvalidError{fmt.Errorf("received %s: %w", kindName(kind), err)}
	}
	return m, nil
}

func encode(m Msg) (wirepb.Kind, proto.Message) {
	switch m := m.(type) {
	case *Hello:
		return wirepb.Kind_HELLO, m.proto()
	case *Changes:
		return wirepb.Kind_CHANGES, m.proto()
	case *Ack:
		return wirepb.Kind_ACK, m.proto()
	case *Control:
		return wirepb.Kind_CONTROL, m.proto()
	case *Fetch:
		return wirepb.Kind_FETCH, m.proto()
	case *Piece:
		return wirepb.Kind_PIECE, m.proto()
	case *Compare:
		return wirepb.Kind_COMPARE, m.proto()
	case *Digests:
		return wirepb.Kind_DIGESTS, m.proto()
	case *Listing:
		return wirepb.Kind_LISTING, m.proto()
	case *Verify:
		return wirepb.Kind_VERIFY, m.proto()
	case *Verified:
		return wirepb.Kind_VERIFIED, m.proto()
	}
	panic(fmt.Sprintf("wire: no encoding for %T", m))
}

func decode(kind wirepb.Kind, b []byte) (Msg, error) {
	switch kind {
	case wirepb.Kind_HELLO:
		var p wirepb.Hello
		if err := unmarshalShaped(b, &p, helloShape); err != nil {
			return nil, err
		}
		return helloFrom(&p)
	case wirepb.Kind_CHANGES:
		var p wirepb.Changes
		if err := unmarshalShaped(b, &p, changesShape); err != nil {
			return nil, err
		}
		return changesFrom(&p)
	case wirepb.Kind_SQUEEZED:
		plain, err := expand(b)
		if err != nil {
			return nil, err
		}
		return decode(wirepb.Kind_CHANGES, plain)
	case wirepb.Kind_ACK:
		var p wirepb.Ack
		if err := unmarshalShaped(b, &p, ackShape); err != nil {
			return nil, err
		}
		return ackFrom(&p), nil
	case wirepb.Kind_CONTROL:
		var p wirepb.Control
		if err := unmarshalShaped(b, &p, controlShape); err != nil {
			return nil, err
		}
		return controlFrom(&p)
	case wirepb.Kind_FETCH:
		var p wirepb.Fetch
		if err := unmarshalShaped(b, &p, fetchShape); err != nil {
			return nil, err
		}
		return fetchFrom(&p)
	case wirepb.Kind_PIECE:
		var p wirepb.Piece
		if err := unmarshalPiece(b, &p); err != nil {
			return nil, err
		}
		return pieceFrom(&p)
	}
	return decodeCompare(kind, b)
}

// decodeCompare is decode for the messages of a comparison.
func decodeCompare(kind wirepb.Kind, b []byte) (Msg, error) {
	switch kind {
	case wirepb.Kind_COMPARE:
		var p wirepb.Compare
		if err := unmarshalShaped(b, &p, compareShape); err != nil {
			return nil, err
		}
		return compareFrom(&p), nil
	case wirepb.Kind_DIGESTS:
		var p wirepb.Digests
		if err := unmarshalShaped(b, &p, digestsShape); err != nil {
			return nil, err
		}
		return digestsFrom(&p)
	case wirepb.Kind_LISTING:
		var p wirepb.Listing
		if err := unmarshalShaped(b, &p, listingShape); err != nil {
			return nil, err
		}
		return listingFrom(&p)
	case wirepb.Kind_VERIFY:
		var p wirepb.Verify
		if err := proto.Unmarshal(b, &p); err != nil {
			return nil, err
		}
		return verifyFrom(&p)
	case wirepb.Kind_VERIFIED:
		var p wirepb.Verified
		if err := unmarshalShaped(b, &p, verifiedShape); err != nil {
			return nil, err
		}
		return verifiedFrom(&p)
	}
	return nil, errors.New("not a message of this protocol version")
}

func kindName(k wirepb.Kind) string {
	if name, ok := wirepb.Kind_name[int32(k)]; ok {
		return name
	}
	return fmt.Sprintf("message of kind %d", k)
}
