package inquiry

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"duet/recovery/compare"
	"duet/replicate/link"
	"duet/replicate/wire"
)

// Bounds of one message of a list.
const (
	listItems = 1000
	listBytes = 256 << 10
)

// Answers is where Serve gets its answers from.
type Answers struct {
	Index compare.Index
	// Verify looks at this node's tree and tells of it. What it returns
	// is told, too, and ends the stream. ctx ends when the peer gives up.
	Verify func(ctx context.Context, q *wire.Verify, tell func(*wire.Verified) error) error
}

// Serve answers the peer's questions on s until the peer closes it, which is
// no error, or ctx is done. It closes s.
func Serve(ctx context.Context, s link.Stream, from Answers) error {
	defer s.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	questions, ended := make(chan wire.Msg), make(chan error, 1)
	go func() {
		ended <- hear(ctx, s, questions)
		cancel() // nobody waits for the answer any more
	}()
	v := &server{ctx: ctx, from: from, out: bufio.NewWriterSize(s, 64<<10)}
	err := v.answerAll(questions)
	cancel()
	s.Close() // the reader may be waiting for the peer
	if heard := <-ended; heard != nil && !errors.Is(heard, context.Canceled) {
		return heard
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// hear passes on the peer's questions until it closes the stream.
func hear(ctx context.Context, s io.Reader, questions chan<- wire.Msg) error {
	r := bufio.NewReader(s)
	var buf []byte
	for {
		var m wire.Msg
		var err error
		if m, buf, err = wire.ReadMsgBuf(r, buf); err != nil {
			if err == io.EOF || ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("hear a question: %w", err)
		}
		switch m.(type) {
		case *wire.Compare, *wire.Verify:
		default:
			return wire.Impossible("hear a question: it is a %T", m)
		}
		select {
		case questions <- m:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// server answers the questions of one stream, one after another.
type server struct {
	ctx   context.Context
	from  Answers
	out   *bufio.Writer
	frame []byte
}

func (v *server) answerAll(questions <-chan wire.Msg) error {
	for {
		select {
		case q := <-questions:
			var err error
			switch q := q.(type) {
			case *wire.Compare:
				err = v.compare(q)
			case *wire.Verify:
				err = v.verify(q)
			}
			if err != nil {
				return fmt.Errorf("answer a question: %w", err)
			}
		case <-v.ctx.Done():
			return v.ctx.Err()
		}
	}
}

// verify tells as it goes: somebody is watching.
func (v *server) verify(q *wire.Verify) error {
	err := v.from.Verify(v.ctx, q, func(m *wire.Verified) error {
		if err := v.send(m); err != nil {
			return err
		}
		return v.out.Flush()
	})
	if err == nil || v.ctx.Err() != nil {
		return err
	}
	if err := v.send(&wire.Control{Kind: wire.Refuse, Text: err.Error()}); err != nil {
		return err
	}
	return errors.Join(err, v.out.Flush())
}

func (v *server) compare(q *wire.Compare) error {
	r := rangeOf(q)
	if err := r.Check(q.Cuts); err != nil {
		return wire.Impossible("hear a question about the index: %v", err)
	}
	var err error
	if q.List {
		err = v.list(r)
	} else {
		err = v.digests(r, q)
	}
	if err != nil {
		return err
	}
	return v.out.Flush()
}

func (v *server) digests(r compare.Range, q *wire.Compare) error {
	mine := v.from.Index
	mine.Owners = q.Owners
	digests, at, err := mine.Digests(v.ctx, r, q.Cuts)
	if err != nil {
		return err
	}
	m := &wire.Digests{Head: at.Head, Heard: at.Heard}
	for _, d := range digests {
		m.Digests = append(m.Digests, wire.Digest(d))
	}
	return v.send(m)
}

func (v *server) list(r compare.Range) error {
	var at compare.At
	err := v.from.Index.List(v.ctx, r, func(items []compare.Item, now compare.At) error {
		at = now
		for len(items) > 0 {
			m, n := pack(items)
			m.Head, m.Heard = at.Head, at.Heard
			if err := v.send(m); err != nil {
				return err
			}
			items = items[n:]
		}
		return nil
	})
	if err != nil {
		return err
	}
	return v.send(&wire.Listing{Head: at.Head, Heard: at.Heard, Last: true})
}

// pack makes a message of the first n items.
func pack(items []compare.Item) (m *wire.Listing, n int) {
	m = &wire.Listing{}
	bytes := 0
	for n < len(items) && n < listItems && bytes < listBytes {
		m.Items = append(m.Items, wire.Item(items[n]))
		bytes += items[n].Bytes()
		n++
	}
	return m, n
}

func (v *server) send(m wire.Msg) (err error) {
	if v.frame, err = wire.Append(v.frame[:0], m); err != nil {
		return err
	}
	_, err = v.out.Write(v.frame)
	return err
}

// Refuse says on a stream why it is not answered, and closes it.
func Refuse(s link.Stream, why string) {
	_ = wire.WriteMsg(s, &wire.Control{Kind: wire.Refuse, Text: why}) // the peer finds it closed
	s.Close()
}
