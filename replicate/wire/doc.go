// Package wire is what two nodes say to each other: messages, their limits,
// and their encoding. It is pure: it knows no clock, no log, no connection, only
// an io.Reader and an io.Writer.
//
// A frame is a length (4 bytes, big-endian), a kind (1 byte) and a protobuf
// message of that kind (see wirepb/wire.proto); the length counts kind and
// message. Encoding is deterministic. What comes in is bounded before memory
// is set aside for it and checked before it is returned: a message that
// ReadMsg returned obeys every rule that its doc comment states. The same
// checks hold for what goes out, so that a node finds its own mistakes before
// its peer does.
//
// Fields that this version does not know are skipped, so that the peer may be
// newer; a kind that it does not know is an error, because a node sends only
// what the lower of the two protocol versions has (see Hello).
package wire

import "duet/replicate/chunk"

//go:generate protoc --proto_path=../.. --go_out=../.. --go_opt=paths=source_relative replicate/wire/wirepb/wire.proto

// The protocol versions that this program speaks. Two nodes use the lower of
// their two Protocols, if neither's Oldest is above it.
//
//	1  the beginning
//	2  Compare, Digests, Listing, Verify, Verified; the stream that they are on
//	3  parts of contents, holes, and what chunks a content has (see Ranges)
//	4  Changes may be compressed (see Squeezed)
//	5  a node tells of what it has while its first scan goes on (see Early)
//	6  what a person has just saved may be told ahead of its turn (see Ahead)
const (
	Protocol = 6
	Oldest   = 1
)

// Ranges is the protocol version from which on a Want may have a Length or
// ChunkBits, and a Piece a Hole or Chunks.
const Ranges = 3

// Squeezed is the protocol version from which on WriteSqueezed may be used.
const Squeezed = 4

// Early is the protocol version from which on a Hello and a Changes may say
// Scanning.
const Early = 5

// Ahead is the protocol version from which on a Changes may be Ahead.
const Ahead = 6

// Limits. Both sides hold them; a message beyond one is an error.
const (
	MaxFrame   = 1 << 20   // bytes of kind and message
	MaxChanges = 4096      // changes in a message
	MaxContent = 32 << 10  // bytes of content that ride along with a change
	MaxWants   = 1024      // contents asked for in a message
	MaxPiece   = 256 << 10 // bytes of content in a piece, before compression
	MaxChunks  = 4096      // chunks in a piece
	MaxHole    = chunk.MaxHole
	MaxText    = 1 << 10 // bytes of text for people
	MaxName    = 255     // bytes of a share's or node's name

	MaxCuts  = 1023 // cuts in a question about the index
	MaxItems = 4096 // items in a listing

	MaxFindings = 256 // findings in a message

	MaxIgnores     = 1000     // lines of ignore rules
	MaxIgnoreBytes = 64 << 10 // bytes of all of them
)
