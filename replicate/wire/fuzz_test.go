package wire

import (
	"bytes"
	"reflect"
	"testing"

	"duet/replicate/wire/wirepb"
)

// again checks that a message that was accepted is one that we would send, and
// that it means the same to whoever reads it.
func again(t *testing.T, m Msg) {
	b, err := Append(nil, m)
	if err != nil {
		t.Fatalf("received, but cannot be sent: %v", err)
	}
	n, err := Decode(b[4:])
	if err != nil || !reflect.DeepEqual(n, m) {
		t.Fatalf("second reading differs (%v):\n%+v\n%+v", err, m, n)
	}
}

func FuzzFrames(f *testing.F) {
	for _, s := range samples {
		b, err := Append(nil, s.msg)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(append(b, b...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for r := bytes.NewReader(b); ; {
			m, err := ReadMsg(r)
			if err != nil {
				return
			}
			again(t, m)
		}
	})
}

func fuzzKind(f *testing.F, kind wirepb.Kind) {
	for _, s := range samples {
		if b := frame(f, s.msg); b[0] == byte(kind) {
			f.Add(b[1:])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := Decode(append([]byte{byte(kind)}, b...)); err == nil {
			again(t, m)
		}
	})
}

func FuzzHello(f *testing.F)   { fuzzKind(f, wirepb.Kind_HELLO) }
func FuzzChanges(f *testing.F) { fuzzKind(f, wirepb.Kind_CHANGES) }
func FuzzAck(f *testing.F)     { fuzzKind(f, wirepb.Kind_ACK) }
func FuzzControl(f *testing.F) { fuzzKind(f, wirepb.Kind_CONTROL) }
func FuzzFetch(f *testing.F)   { fuzzKind(f, wirepb.Kind_FETCH) }
func FuzzPiece(f *testing.F)   { fuzzKind(f, wirepb.Kind_PIECE) }
func FuzzCompare(f *testing.F) { fuzzKind(f, wirepb.Kind_COMPARE) }
func FuzzDigests(f *testing.F) { fuzzKind(f, wirepb.Kind_DIGESTS) }
func FuzzListing(f *testing.F) { fuzzKind(f, wirepb.Kind_LISTING) }
