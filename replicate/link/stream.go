package link

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// MaxStreams bounds the streams of one connection that are open at the same
// time, in either direction. Each may buffer 2 MiB of what the peer sent.
const MaxStreams = 32

// Streams are SSH channels of the type "duet-<kind>@1": RFC 4250, section
// 4.6.1 asks for a name with an @ for what is not registered.
const (
	typePrefix = "duet-"
	typeSuffix = "@1"
	maxKind    = 32
)

// CheckKind says what is wrong with the kind of a stream.
func CheckKind(kind string) error {
	if kind == "" || len(kind) > maxKind || strings.Trim(kind, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return fmt.Errorf("stream kind %q: must be 1 to %d of a-z, 0-9 and -", kind, maxKind)
	}
	return nil
}

func kindOf(channelType string) (string, bool) {
	kind, ok := strings.CutPrefix(channelType, typePrefix)
	if !ok {
		return "", false
	}
	kind, ok = strings.CutSuffix(kind, typeSuffix)
	return kind, ok && CheckKind(kind) == nil
}

// stream is one SSH channel.
type stream struct {
	conn *conn
	kind string
	ch   ssh.Channel
	gone chan struct{} // closed when both sides have closed it

	mu     sync.Mutex
	closed bool        // by Close
	late   *time.Timer // runs from Close until gone
}

// newStream takes a channel into service; conn has counted it already.
func (c *conn) newStream(kind string, ch ssh.Channel, reqs <-chan *ssh.Request) *stream {
	s := &stream{conn: c, kind: kind, ch: ch, gone: make(chan struct{})}
	end := func() {
		ssh.DiscardRequests(reqs) // ends when the channel does
		c.open.Add(-1)
		close(s.gone)
	}
	if !c.spawn(end) {
		end() // the connection has ended, and so has the channel
	}
	return s
}

func (s *stream) Kind() string { return s.kind }

func (s *stream) Read(p []byte) (int, error) {
	n, err := s.ch.Read(p)
	if err != nil {
		err = s.explain(err)
	}
	return n, err
}

func (s *stream) Write(p []byte) (int, error) {
	n, err := s.ch.Write(p)
	if err == nil {
		return n, nil
	}
	if err = s.explain(err); err == io.EOF { // how the library says that the channel is closed
		err = io.ErrClosedPipe
	}
	return n, err
}

// explain tells the end of a stream from that of its connection.
func (s *stream) explain(err error) error {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return net.ErrClosed
	}
	if cause := s.conn.failure(); cause != nil {
		return cause
	}
	if s.conn.raw.broken.Load() { // the connection is about to find its cause
		return lostError(s.conn.opt, err)
	}
	return err
}

// Close closes both directions. The other side answers at once; one that does
// not is broken, and would leave this side's Read and Write hanging.
func (s *stream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	c := s.conn
	s.late = time.AfterFunc(c.opt.Silence, func() {
		select {
		case <-s.gone:
		default:
			c.fail(fmt.Errorf("%s did not close stream %q", c.opt.PeerName, s.kind))
		}
	})
	go func() { // ends with the write, at the latest when the connection does
		s.ch.Close()
		<-s.gone
		s.late.Stop()
	}()
	return nil
}
