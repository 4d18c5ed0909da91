// Package transfertest has what a test needs to be the peer that is asked for
// contents, and to answer as no honest one would.
package transfertest

import (
	"duet/replicate/link"
	"duet/replicate/wire"
)

// Wants reads the requests that come on s until it ends, and has each want answered,
// one after the other; an error ends the stream. It closes s.
func Wants(s link.Stream, answer func(wire.Want) error) {
	defer s.Close()
	for {
		m, err := wire.ReadMsg(s)
		if err != nil {
			return
		}
		for _, w := range m.(*wire.Fetch).Wants {
			if answer(w) != nil {
				return
			}
		}
	}
}
