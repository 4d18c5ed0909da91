// Package inquiry is how one node asks the other about its index, and about its
// tree, over a link: Ask turns questions of recovery/compare into messages on a
// stream, and Serve answers them on the other side. To be asked to verify its
// own tree, too, is a question.
//
// A stream has one question at a time: whoever asks waits for the answer. It
// holds no transaction and no memory in between, so an asker that is slow, or
// that never comes back, costs a goroutine.
package inquiry

import (
	"errors"

	"duet/recovery/compare"
	"duet/replicate/wire"
)

// StreamKind is the kind of the streams that Ask opens and Serve answers.
const StreamKind = "compare"

// Since is the protocol version that has such streams.
const Since = 2

// ErrRefused is wrapped by what the peer answers if it does not want to.
var ErrRefused = errors.New("the peer refused")

func rangeOf(m *wire.Compare) compare.Range {
	return compare.Range{Under: m.Under, After: m.After, Through: m.Through}
}

func question(r compare.Range) *wire.Compare {
	return &wire.Compare{Under: r.Under, After: r.After, Through: r.Through}
}
