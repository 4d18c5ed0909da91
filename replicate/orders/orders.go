// Package orders carries out what people order of a share that runs, and what
// takes more than a line in the index: conflicts settled in bulk and taken back,
// kept versions restored. An order runs in the goroutine of who gives it, and
// goes through the loop and its writer lane a chunk at a time, so that the share
// does its other work in between. What was done by the time it is broken off
// stays.
package orders

import (
	"context"
	"fmt"
	"sync/atomic"

	"duet/replicate/book"
	"duet/replicate/install"
	"duet/replicate/post"
	"duet/replicate/ruling"
	"duet/replicate/talk"
	"duet/replicate/transfer"
	"duet/scan/vfs"
	"duet/store/index"
)

// Options are what orders have to know of their share.
type Options struct {
	Node, Peer string // names, for people
	Self       index.NodeID
	Book       *book.Book
	Env        install.Env
	Names      uint64       // random: names in the stage of one process never meet another's
	Hold       func(by int) // in the loop: while the sum is above 0, nothing that is kept expires
	*post.Loop
}

// Orders carries out orders. Its methods may be called from any goroutine but
// the loop's, unless they say otherwise.
type Orders struct {
	Options
	staged atomic.Uint64 // contents, for their names
}

// New returns the Orders of a share.
func New(o Options) *Orders {
	// By what a person orders, and not by what the peer says: what is about to be
	// done is not decided again.
	o.Env.Recheck = nil
	return &Orders{Options: o}
}

// away says for what the peer is needed.
func (o *Orders) away(why string) error {
	return fmt.Errorf("%s, and %s %w: see 'duet status', and try again when it is back", why, o.Peer, talk.ErrApart)
}

// KeepingAll runs f while nothing that is kept expires.
func (o *Orders) KeepingAll(ctx context.Context, f func() error) error {
	keep := func(ctx context.Context, by int) error {
		return o.Do(ctx, func(done chan<- error) { o.Hold(by); done <- nil })
	}
	if err := keep(ctx, 1); err != nil {
		return err
	}
	defer func() { _ = keep(context.WithoutCancel(ctx), -1) }() // fails only with the share's end
	return f()
}

// desk is where orders are carried out now, in the loop. fetch is nil while the
// peer cannot be asked for contents.
func (o *Orders) desk() (d *ruling.Desk, fetch *transfer.Fetcher, peer ruling.Peer, err error) {
	now := o.Now()
	switch {
	case now.Root == nil || now.Files == nil:
		return nil, nil, peer, o.Rootless()
	case !now.Ready:
		return nil, nil, peer, fmt.Errorf("share %q is not scanned yet: try again when 'duet status' says so", o.Share)
	}
	d = &ruling.Desk{
		Book: o.Book, Files: now.Files, Env: o.Env, Self: o.Node, Peer: o.Peer, Stage: o.stage,
	}
	return d, now.Fetch, ruling.Peer{Connected: now.Talk != nil, Heard: now.Heard}, nil
}

// until is how long contents can be brought: as long as the session lasts or,
// without one, the root.
func (o *Orders) until() context.Context {
	now := o.Now()
	if now.Talk != nil {
		return now.Talk
	}
	return now.Root
}

// stage returns a name in the stage that was not used before.
func (o *Orders) stage() vfs.Held {
	return vfs.Held{Area: vfs.Stage, Name: fmt.Sprintf("%x-order-%d.new", o.Names, o.staged.Add(1))}
}
