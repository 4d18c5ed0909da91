package inquiry

import (
	"context"
	"errors"
	"fmt"
	"io"

	"duet/recovery/compare"
	"duet/replicate/link"
	"duet/replicate/wire"
	"duet/store/index"
)

// Asker asks the peer's index. It may be used by one goroutine at a time.
type Asker struct {
	stream link.Stream
	owners bool
	buf    []byte
}

// Ask opens a stream for questions. owners says that both nodes record owners.
func Ask(ctx context.Context, open func(context.Context, string) (link.Stream, error), owners bool) (*Asker, error) {
	s, err := open(ctx, StreamKind)
	if err != nil {
		return nil, fmt.Errorf("ask the peer: %w", err)
	}
	return &Asker{stream: s, owners: owners}, nil
}

// Close ends the stream, and with it whatever the peer is doing to answer.
func (a *Asker) Close() error { return a.stream.Close() }

// Peer is the Asker as compare.Run needs it.
func (a *Asker) Peer() compare.Peer { return compare.Peer{Digests: a.digests, List: a.list} }

func (a *Asker) digests(ctx context.Context, r compare.Range, cuts []index.Path) ([]compare.Digest, compare.At, error) {
	q := question(r)
	q.Cuts, q.Owners = cuts, a.owners
	var out []compare.Digest
	var at compare.At
	err := a.ask(ctx, q, func(m wire.Msg) (bool, error) {
		d, ok := m.(*wire.Digests)
		if !ok {
			return false, fmt.Errorf("the peer answered with a %T", m)
		}
		for _, d := range d.Digests {
			out = append(out, compare.Digest(d))
		}
		at = compare.At{Head: d.Head, Heard: d.Heard}
		return true, nil
	})
	return out, at, err
}

func (a *Asker) list(ctx context.Context, r compare.Range, f func([]compare.Item, compare.At) error) error {
	q := question(r)
	q.List = true
	return a.ask(ctx, q, func(m wire.Msg) (bool, error) {
		l, ok := m.(*wire.Listing)
		if !ok {
			return false, fmt.Errorf("the peer answered with a %T", m)
		}
		items := make([]compare.Item, len(l.Items))
		for i, it := range l.Items {
			items[i] = compare.Item(it)
		}
		return l.Last, f(items, compare.At{Head: l.Head, Heard: l.Heard})
	})
}

// Verify has the peer look at its own tree, and calls f with what it says.
func (a *Asker) Verify(ctx context.Context, q *wire.Verify, f func(*wire.Verified) error) error {
	return a.ask(ctx, q, func(m wire.Msg) (bool, error) {
		v, ok := m.(*wire.Verified)
		if !ok {
			return false, fmt.Errorf("the peer answered with a %T", m)
		}
		return v.Last, f(v)
	})
}

// ask sends a question and passes on what comes back, until that says that it
// is the last.
func (a *Asker) ask(ctx context.Context, q wire.Msg, f func(wire.Msg) (last bool, err error)) error {
	stop := context.AfterFunc(ctx, func() { a.stream.Close() })
	defer stop()
	// If that fails because the peer has closed the stream, it may have said why.
	unsaid := wire.WriteMsg(a.stream, q)
	var err error
	for last := false; err == nil && !last; {
		var m wire.Msg
		if m, a.buf, err = wire.ReadMsgBuf(a.stream, a.buf); err != nil {
			if unsaid != nil && !errors.Is(err, io.EOF) {
				err = unsaid
			}
			break
		}
		if c, ok := m.(*wire.Control); ok {
			err = fmt.Errorf("%w: %s", ErrRefused, c.Text)
			break
		}
		last, err = f(m)
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, io.EOF):
		err = fmt.Errorf("the peer ended the stream before its answer: %w", io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("ask the peer: %w", err)
}
