package link

import (
	"cmp"
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

// reason is why a connection is not wanted.
type reason uint32

const (
	welcome   reason = iota // it is wanted
	noShare                 // the share is not configured here
	duplicate               // another connection stays
	stopping                // this node stops
)

// refusal is a reason as it is sent.
type refusal struct {
	Reason uint32
	Text   string // for people
}

func (r reason) marshal(text string) []byte { return ssh.Marshal(refusal{uint32(r), text}) }

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
	switch reason(e.Reason) {
	case noShare:
		return fmt.Sprintf("%s has no share %q: check that the share has one name on both hosts, and that duet was restarted there after a change", e.peer, e.share)
	case duplicate:
		return fmt.Sprintf("%s keeps another connection for this share", e.peer)
	case stopping:
		return fmt.Sprintf("duet was stopped on %s", e.peer)
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

// bye closes a connection after telling the peer why. A peer that may be dead
// is not waited for.
func (c *conn) bye(r reason, cause error) {
	c.setCause(cause)
	c.raw.SetWriteDeadline(time.Now().Add(lingerTime))
	c.ssh.SendRequest(byeRequest, false, r.marshal(""))
	c.Close()
}
