package link

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
)

// What stops two nodes from meeting is nearly always a line in one of two
// configurations, so these errors say which, on which host.

// explainDial puts a failure to reach the peer's host into words.
func explainDial(o *Options, err error) error {
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &dns):
		return fmt.Errorf("cannot find the address of %q: check peer.address, or the name service of this host: %w", dns.Name, err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("connection refused by %s: is duet running on %s, and does it listen there?", o.Address, o.PeerName)
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return fmt.Errorf("no route to %s: check the network, and peer.address: %w", o.Address, err)
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("no answer from %s: is %s up, and does a firewall let the port through?", o.Address, o.PeerName)
	}
	return fmt.Errorf("dial %s at %s: %w", o.PeerName, o.Address, err)
}

// explainHandshake puts a failed handshake of the dialler into words.
func explainHandshake(o *Options, err error) error {
	var wrong *strangerError
	var timeout net.Error
	switch {
	case errors.As(err, &wrong):
		return fmt.Errorf("%s at %s showed the key %s, but peer.key is %s: it is another host, or its key was replaced: compare with 'duet key' on %s, and correct peer.key here",
			o.PeerName, o.Address, wrong.fingerprint, o.Peer.Fingerprint(), o.PeerName)
	case strings.Contains(err.Error(), "unable to authenticate"): // the library has no type for it
		return fmt.Errorf("%s does not accept this node's key %s: in the configuration of %s, peer.key must be what 'duet key' prints here",
			o.PeerName, o.Key.Public().Fingerprint(), o.PeerName)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("%s accepted the connection at %s, then said nothing: its duet hangs or is overloaded, or what listens there is not duet", o.PeerName, o.Address)
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return fmt.Errorf("%s closed the connection at %s during the handshake: its log says why, if what listens there is duet", o.PeerName, o.Address)
	}
	return fmt.Errorf("handshake with %s at %s: %w", o.PeerName, o.Address, tamed{err})
}

// tamed is an error of the SSH library. It may quote what the other side sent,
// at any length.
type tamed struct{ err error }

func (e tamed) Error() string { return printable(e.err.Error()) }
func (e tamed) Unwrap() error { return e.err }

// explainStranger puts a failed handshake of the side that was dialled into
// words.
func explainStranger(o *Options, err error) string {
	var wrong *strangerError
	switch {
	case errors.As(err, &wrong):
		return fmt.Sprintf("refused a connection: its key %s is not that of %s, which is %s; if it is %s, correct peer.key here",
			wrong.fingerprint, o.PeerName, o.Peer.Fingerprint(), o.PeerName)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "dropped a connection: it did not authenticate in time"
	}
	return "dropped a connection: it did not authenticate"
}
