package wire

import (
	"bytes"
	"reflect"
	"runtime/metrics"
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
		frame := append([]byte{byte(kind)}, b...)
		before := allocated()
		m, err := Decode(frame)
		// What the peer sends may not cost much more memory than it has bytes.
		// The runtime counts small objects by the page, hence the first part.
		if cost := allocated() - before; cost > 4<<20+200*uint64(len(b)) {
			t.Errorf("%d bytes made %d", len(b), cost)
		}
		if err == nil {
			again(t, m)
		}
	})
}

// allocated counts all bytes that were ever allocated.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

func FuzzHello(f *testing.F)    { fuzzKind(f, wirepb.Kind_HELLO) }
func FuzzChanges(f *testing.F)  { fuzzKind(f, wirepb.Kind_CHANGES) }
func FuzzAck(f *testing.F)      { fuzzKind(f, wirepb.Kind_ACK) }
func FuzzControl(f *testing.F)  { fuzzKind(f, wirepb.Kind_CONTROL) }
func FuzzFetch(f *testing.F)    { fuzzKind(f, wirepb.Kind_FETCH) }
func FuzzPiece(f *testing.F)    { fuzzKind(f, wirepb.Kind_PIECE) }
func FuzzCompare(f *testing.F)  { fuzzKind(f, wirepb.Kind_COMPARE) }
func FuzzDigests(f *testing.F)  { fuzzKind(f, wirepb.Kind_DIGESTS) }
func FuzzListing(f *testing.F)  { fuzzKind(f, wirepb.Kind_LISTING) }
func FuzzVerify(f *testing.F)   { fuzzKind(f, wirepb.Kind_VERIFY) }
func FuzzVerified(f *testing.F) { fuzzKind(f, wirepb.Kind_VERIFIED) }
