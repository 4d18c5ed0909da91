package link

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// Global requests. After the SSH handshake the dialler asks to join the share
// that its user name names; the other side agrees, or refuses with a reason.
// Either side may say why it closes a connection, before it does.
const (
	joinRequest = "duet-join@1"
	byeRequest  = "duet-bye@1"
	pingRequest = "keepalive@openssh.com"
)

// Reason is why a node does not want a connection, or ends one, as it says itself.
type Reason uint32

const (
	welcome   Reason = iota // it is wanted
	noShare                 // the share is not configured here
	duplicate               // another connection stays
	Stops                   // this node stops in an orderly way
	Halts                   // the share is halted until a person has looked
	Anew                    // the share begins anew, and connects again
)

// refusal is a reason as it is sent.
type refusal struct {
	Reason uint32
	Text   string // for people
}

func (r Reason) marshal(text string) []byte { return ssh.Marshal(refusal{uint32(r), text}) }

// parseRefusal reads what the peer sent; it need not make sense.
func parseRefusal(b []byte) refusal {
	var r refusal
	if ssh.Unmarshal(b, &r) != nil {
		return refusal{}
	}
	r.Text = printable(r.Text)
	return r
}

// peerError is the peer's reason for not going on.
type peerError struct {
	peer, share string
	refusal
}

func (e *peerError) Error() string {
	switch Reason(e.Reason) {
	case noShare:
		return fmt.Sprintf("%s has no share %q: check that the share has one name on both hosts, and that duet was restarted there after a change", e.peer, e.share)
	case duplicate:
		return fmt.Sprintf("%s keeps another connection for this share", e.peer)
	case Stops:
		return fmt.Sprintf("duet was stopped on %s", e.peer)
	case Halts, Anew:
		if e.Text != "" {
			return e.Text
		}
	}
	return fmt.Sprintf("%s closed the connection: %s", e.peer, cmp.Or(e.Text, "it does not say why"))
}

// printable makes a peer's text safe to log and show: short, and on one line.
func printable(s string) string {
	const limit = 300
	return strings.Map(func(r rune) rune {
		if strconv.IsPrint(r) {
			return r
		}
		return ' '
	}, s[:min(len(s), limit)])
}

// ReasonOf returns the reason that the peer gave for the end of a connection; 0 if
// it gave none.
func ReasonOf(err error) Reason {
	var said *peerError
	if errors.As(err, &said) {
		return Reason(said.Reason)
	}
	return 0
}

// Said returns the words of such a reason; "" if the peer gave none.
func Said(err error) string {
	var said *peerError
	if errors.As(err, &said) {
		return said.Error()
	}
	return ""
}

// Farewell is the error of a connection that the peer has ended with Leave, for
// links in memory.
func Farewell(peer string, r Reason, text string) error {
	return &peerError{peer, "", refusal{uint32(r), printable(text)}}
}

func (c *conn) Leave(r Reason, text string) error {
	c.last.Store(r == Stops)
	return c.bye(r, text, ErrClosed)
}

// bye closes a connection after telling the peer why. A peer that may be dead
// is not waited for.
func (c *conn) bye(r Reason, text string, cause error) error {
	c.setCause(cause)
	c.raw.SetWriteDeadline(time.Now().Add(lingerTime))
	c.ssh.SendRequest(byeRequest, false, r.marshal(text))
	return c.Close()
}
