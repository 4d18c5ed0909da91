package link

import (
	"bufio"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// meter counts what passes through a network connection, and remembers when.
type meter struct {
	net.Conn
	in, out atomic.Int64
	heard   atomic.Int64 // ns since start
	broken  atomic.Bool  // a read or a write has failed
	start   time.Time

	// x/crypto/ssh reads 4 KiB at a time; the kernel is asked for more.
	r *bufio.Reader

	// Until steady: a read waits for patience at most, and the whole for limit.
	patience time.Duration
	limit    time.Time
	quick    atomic.Bool
}

// newMeter wraps a connection that has its handshake before it.
func newMeter(c net.Conn, patience, handshake time.Duration) *meter {
	m := &meter{Conn: c, start: time.Now(), patience: patience}
	m.r = bufio.NewReaderSize(c, 64<<10)
	m.limit = m.start.Add(handshake)
	m.quick.Store(true)
	c.SetWriteDeadline(m.limit) // a connection that fails here fails at the next write
	return m
}

// steady ends the handshake: from now on a silent peer is the watchdog's
// business.
func (m *meter) steady() {
	m.quick.Store(false)
	m.SetDeadline(time.Time{})
}

func (m *meter) Read(p []byte) (int, error) {
	if m.quick.Load() {
		at := time.Now().Add(m.patience)
		if at.After(m.limit) {
			at = m.limit
		}
		m.SetReadDeadline(at)
		if !m.quick.Load() { // steady came in between
			m.SetReadDeadline(time.Time{})
		}
	}
	n, err := m.r.Read(p)
	m.in.Add(int64(n))
	m.heard.Store(int64(time.Since(m.start)))
	if err != nil {
		m.broken.Store(true)
	}
	return n, err
}

func (m *meter) Write(p []byte) (int, error) {
	n, err := m.Conn.Write(p)
	m.out.Add(int64(n))
	if err != nil {
		m.broken.Store(true)
	}
	return n, err
}

// sinceHeard is for how long nothing has come in.
func (m *meter) sinceHeard() time.Duration {
	return time.Since(m.start) - time.Duration(m.heard.Load())
}

// closeWrite tells the peer that no more comes, while it may still be heard.
func (m *meter) closeWrite() error {
	if c, ok := m.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return m.Close()
}

// tune sets what the kernel can do about a dead peer: it drops what is not
// acknowledged for a while, so that a closed connection does not linger. The
// watchdog notices first; failing to set this is no reason to do without a
// connection.
func tune(c net.Conn, silence time.Duration) {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: silence, Interval: silence / 4, Count: 4})
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	raw.Control(func(fd uintptr) {
		unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(2*silence/time.Millisecond))
	})
}
