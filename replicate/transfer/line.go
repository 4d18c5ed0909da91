package transfer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"duet/replicate/link"
	"duet/replicate/wire"
)

// line is a stream on which an assembly asks, and is answered in the same order.
type line struct {
	s       link.Stream
	patient time.Duration
	stall   *time.Timer // runs out when nothing has come for too long
	waiting atomic.Bool // for something to come
	wg      sync.WaitGroup

	mu      sync.Mutex
	moved   *sync.Cond // there is something to send, or the end has come
	lastID  uint64
	unsent  []*ask
	asked   []*ask // in order, those of unsent too
	owed    int64  // bytes of content
	failure error
}

// ask is one request.
type ask struct {
	want  wire.Want
	began time.Time
	left  int64 // bytes of content outstanding
	// take is called with each piece of the answer, and its data, valid until it
	// returns. Its error is of the stream.
	take func(p *wire.Piece, data []byte) error
	fail func(error) // if there is no answer
}

// openLine opens a stream; it ends with ctx, or with end.
func openLine(ctx context.Context, o *Options) (*line, error) {
	s, err := o.Open(ctx, StreamKind)
	if err != nil {
		return nil, err
	}
	l := &line{s: s, patient: o.Stall}
	l.moved = sync.NewCond(&l.mu)
	l.stall = time.AfterFunc(o.Stall, l.stalls)
	l.wg.Go(l.say)
	l.wg.Go(func() {
		err := l.hear()
		l.stall.Stop()
		l.broke(err)
	})
	return l, nil
}

// end closes the stream, and returns when nothing runs any more.
func (l *line) end() {
	l.broke(errLineEnded)
	l.wg.Wait()
}

var errLineEnded = errors.New("the stream was closed")

// broke ends the stream: the first reason counts.
func (l *line) broke(err error) {
	l.mu.Lock()
	if l.failure == nil {
		l.failure = err
	}
	err = l.failure
	left := l.asked
	l.asked, l.unsent, l.owed = nil, nil, 0
	l.moved.Broadcast()
	l.mu.Unlock()
	l.s.Close()
	for _, a := range left {
		a.fail(err)
	}
}

// stalls is as for a flow: see there.
func (l *line) stalls() {
	l.mu.Lock()
	owes := len(l.asked) > 0
	l.mu.Unlock()
	if owes && l.waiting.Load() {
		l.broke(fmt.Errorf("fetch contents: the peer was asked for them, and sent nothing for %v: it hangs, or a disk there does", l.patient))
	}
}

// Read reads from the stream; only here the peer is waited for.
func (l *line) Read(p []byte) (int, error) {
	l.waiting.Store(true)
	l.stall.Reset(l.patient)
	n, err := l.s.Read(p)
	l.waiting.Store(false)
	return n, err
}

// ask sends a request as soon as may be. It does not wait.
func (l *line) ask(a *ask) {
	a.left, a.began = 0, time.Now()
	if a.want.ChunkBits == 0 {
		a.left = a.want.Length
	}
	l.mu.Lock()
	err := l.failure
	if err == nil {
		l.lastID++
		a.want.ID = l.lastID
		l.asked, l.unsent, l.owed = append(l.asked, a), append(l.unsent, a), l.owed+a.left
		l.stall.Reset(l.patient)
		l.moved.Signal()
	}
	l.mu.Unlock()
	if err != nil {
		a.fail(err)
	}
}

func (l *line) owes() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.owed
}

// say sends what is asked for.
func (l *line) say() {
	for {
		l.mu.Lock()
		for len(l.unsent) == 0 && l.failure == nil {
			l.moved.Wait()
		}
		if l.failure != nil {
			l.mu.Unlock()
			return
		}
		fetch := &wire.Fetch{}
		for bytes := 0; len(l.unsent) > 0 && len(fetch.Wants) < maxBatch && bytes < maxPaths; l.unsent = l.unsent[1:] {
			fetch.Wants = append(fetch.Wants, l.unsent[0].want)
			bytes += len(l.unsent[0].want.Path)
		}
		l.mu.Unlock()
		if err := wire.WriteMsg(l.s, fetch); err != nil {
			l.broke(fmt.Errorf("ask for contents: %w", err))
			return
		}
	}
}

// hear takes the answers.
func (l *line) hear() error { return readPieces(l, l.piece) }

// piece takes one piece of an answer. It returns buf, perhaps grown.
func (l *line) piece(p *wire.Piece, buf []byte) ([]byte, error) {
	l.mu.Lock()
	var a *ask
	if len(l.asked) > 0 {
		a = l.asked[0]
	}
	l.mu.Unlock()
	if a == nil || a.want.ID != p.ID {
		return buf, fmt.Errorf("the peer answers want %d, which is not its turn", p.ID)
	}
	if p.Refusal != wire.None {
		l.answered(a, 0, true)
		a.fail(&RefusedError{p.Refusal, p.Text})
		return buf, nil
	}
	data, buf, err := expand(p, buf)
	if err != nil {
		return buf, err
	}
	n := int64(len(data)) + p.Hole
	switch {
	case (len(p.Chunks) > 0) != (a.want.ChunkBits != 0) && (n > 0 || len(p.Chunks) > 0):
		return buf, errors.New("the peer sends contents for chunks, or chunks for contents")
	case n > a.left:
		return buf, fmt.Errorf("the peer sends more than the %d bytes of %v that it was asked for", a.want.Length, a.want.Path)
	case p.Last && n < a.left:
		return buf, fmt.Errorf("the peer sent %d of %d bytes of %v", a.want.Length-a.left+n, a.want.Length, a.want.Path)
	}
	if err := a.take(p, data); err != nil {
		return buf, err
	}
	l.answered(a, n, p.Last)
	return buf, nil
}

// answered takes n bytes off what is owed, and a off those that wait.
func (l *line) answered(a *ask, n int64, last bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.asked) == 0 { // broke was quicker
		return
	}
	a.left -= n
	l.owed -= n
	if last {
		l.owed -= a.left
		l.asked = l.asked[1:]
	}
}
