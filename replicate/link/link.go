// Package link connects two nodes: one SSH connection per share, between two
// pinned ed25519 keys, carrying independent streams in both directions.
//
// A Hub is a node's side of all its connections: it listens, dials, lets in
// the pinned key and nothing else, and hands every connection to the Endpoint
// of its share. An Endpoint has at most one connection alive: where both nodes
// dial, the one dialled by the smaller NodeID stays. What SSH servers usually
// offer (shell, exec, sftp, forwarding) does not exist here.
package link

import (
	"context"
	"errors"
	"io"
)

// Conn is a connection to the peer, for one share. It may be used from several
// goroutines.
type Conn interface {
	// Open opens a stream of a kind that the peer will Accept. It returns when
	// the peer's node has taken it.
	Open(ctx context.Context, kind string) (Stream, error)
	// Accept returns the next stream that the peer opened.
	Accept(ctx context.Context) (Stream, error)
	// Dialled reports whether this node dialled the connection.
	Dialled() bool
	// Close ends the connection and all its streams.
	Close() error
	// Leave is Close after telling the peer why, if it can be told at once: see
	// ReasonOf. The text is for people. After Stops there is no other connection:
	// the Endpoint neither dials nor takes one.
	Leave(why Reason, text string) error
	// Done is closed when the connection has ended, and Err then says why.
	Done() <-chan struct{}
	Err() error
	// Traffic counts the bytes that the connection has cost so far.
	Traffic() (in, out int64)
}

// Stream is one ordered flow of bytes each way, with back-pressure. One
// goroutine may read while another writes. Close ends both directions; bytes
// written before are still delivered. Read then returns io.EOF on the other
// side, and a lost connection is an error that is not io.EOF.
type Stream interface {
	io.ReadWriteCloser
	Kind() string
}

var (
	// ErrClosed is Err after Close.
	ErrClosed = errors.New("connection closed by this node")
	// ErrSilent means that nothing was heard of the peer for too long.
	ErrSilent = errors.New("nothing heard")
	// ErrHungUp means that the peer's end was closed without a word: its process
	// has ended suddenly, or something on the way has cut the connection.
	ErrHungUp = errors.New("the peer hung up")
)
