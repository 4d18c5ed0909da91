package store

import (
	"bytes"
	"reflect"
	"testing"

	"duet/store/index"
)

// fuzzValue holds a decoder of what the store keeps for itself against its
// encoder: it takes only what the encoder writes, and from that it makes the
// same value again.
func fuzzValue[T any](f *testing.F, decode func([]byte) (T, error), encode func(T) ([]byte, error), samples ...T) {
	for _, s := range samples {
		b, err := encode(s)
		if err != nil {
			f.Fatal(err)
		}
		if got, err := decode(b); err != nil || !reflect.DeepEqual(got, s) {
			f.Fatalf("%+v came back as %+v, %v", s, got, err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := decode(b)
		if err != nil {
			return
		}
		again, err := encode(v)
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x was taken, and is written %x, %v", b, again, err)
		}
	})
}

func FuzzMeta(f *testing.F) {
	full := &metaValue{
		Meta: Meta{
			Share: "images", Node: 3, Epoch: 5, Root: index.Identity{Dev: 1, Fsid: 2, Ino: 3},
			Runs: []index.Run{{From: 0, ID: 7}, {From: 9, ID: 1 << 63}},
			Peer: 4, PeerEpoch: 6, PeerRun: 8, Heard: 10, Acked: 11, Connected: 12, Parted: -13, PartedWhy: "cut\xff",
			Clean: true, Approved: "id", Paused: true, Halt: "root", FirstScan: true, Rules: index.Hash{1, 31: 2},
		},
		reset: forgetPeer, resetAfter: "a/b",
	}
	fuzzValue(f, unmarshalMeta, (*metaValue).marshal, &metaValue{Meta: Meta{Epoch: 1}}, full)
}

func FuzzCounts(f *testing.F) {
	fuzzValue(f, unmarshalCounts, (*Counts).marshal, &Counts{}, &Counts{Files: 1, Bytes: -1, Events: 1 << 62, Left: 3})
}

func FuzzIgnores(f *testing.F) {
	fuzzValue(f, unmarshalIgnores, marshalIgnores, nil, []string{"*.tmp", "", "/cache/", "\xff"})
}
