package wire

import (
	"encoding/binary"
	"fmt"
	"io"

	"duet/replicate/squeeze"
	"duet/replicate/wire/wirepb"
)

// What a tree is made of repeats itself: names below one directory, times,
// owners, versions. A message of changes that carries little content is sent as
// one zstd frame of its encoding, to a peer that knows the kind SQUEEZED.

// minSqueezed is the least that is worth the trouble, in bytes.
const minSqueezed = 512

// squeezer is for what may be in a frame after the kind. What comes of a message
// is no larger than one that was not compressed.
var squeezer = squeeze.New(MaxFrame - 1)

// WriteSqueezed is WriteMsg for a peer whose protocol is Squeezed or later.
func WriteSqueezed(w io.Writer, m *Changes) error {
	b, err := Append(nil, m)
	if err != nil {
		return err
	}
	_, err = w.Write(squeezed(b, m))
	return err
}

// squeezed returns the frame of m compressed, if that makes it clearly smaller.
// Contents mostly are compressed already, or too small to care.
func squeezed(frame []byte, m *Changes) []byte {
	const head = 5
	content := 0
	for i := range m.Changes {
		content += len(m.Changes[i].Content)
	}
	if len(frame) < minSqueezed || content > len(frame)/2 {
		return frame
	}
	out := squeezer.Append(make([]byte, head, len(frame)/2), frame[head:])
	if !squeeze.Pays(len(out), len(frame)) {
		return frame
	}
	binary.BigEndian.PutUint32(out, uint32(len(out)-4))
	out[4] = byte(wirepb.Kind_SQUEEZED)
	return out
}

// expand undoes squeezed, without the head.
func expand(b []byte) ([]byte, error) {
	b, err := squeezer.Expand(nil, b)
	if err != nil {
		return nil, fmt.Errorf("expand: %w", err)
	}
	return b, nil
}
