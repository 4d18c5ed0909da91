package node

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Socket is the name of the control socket in the state directory. Whoever may
// open it may do what the daemon may: its mode is 0600.
const Socket = "control.sock"

// A socket's name may have 107 bytes (unix(7)); a longer one is reached
// through the directory's descriptor in /proc.
const maxSocketName = 107

// through calls f with a name for the socket in dir that is short enough.
func through(dir string, f func(name string) error) error {
	name := filepath.Join(dir, Socket)
	if len(name) <= maxSocketName {
		return f(name)
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return f(fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), Socket))
}

// dial connects to the daemon of a state directory.
func dial(dir string) (net.Conn, error) {
	var conn net.Conn
	err := through(dir, func(name string) error {
		var err error
		conn, err = net.DialTimeout("unix", name, 5*time.Second)
		return err
	})
	return conn, err
}

// ErrRunning says that a daemon already serves the state directory.
var ErrRunning = errors.New("another duet is running on this state directory")

// listen makes the control socket. One that nobody answers is what a killed
// daemon left, and is replaced. The caller holds the locks of the indexes, so
// that two daemons cannot both find the old one dead.
func listen(dir string) (net.Listener, error) {
	if err := alone(dir); err != nil {
		return nil, err
	}
	var l net.Listener
	err := through(dir, func(name string) error {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		var err error
		l, err = net.Listen("unix", name)
		if err != nil {
			return err
		}
		// RACE: between Listen and Chmod others could connect if the state
		// directory let them in; it is 0700.
		return os.Chmod(name, 0o600)
	})
	if err != nil {
		return nil, fmt.Errorf("make the control socket in %s: %w", dir, err)
	}
	// The name may lie in /proc/self/fd, which is gone by then: removed by hand.
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	return l, nil
}

// alone fails if a daemon answers on the control socket.
func alone(dir string) error {
	conn, err := dial(dir)
	if err != nil {
		return nil
	}
	conn.Close()
	return fmt.Errorf("%w, %s: see it with 'duet status --state %s', or stop it first", ErrRunning, dir, dir)
}
