package replicate

import "duet/replicate/link"

// Peer is where connections to the peer come from; *link.Endpoint in life, a
// simulated network in tests.
type Peer interface {
	// Conns delivers each elected connection; the one before is closed by then.
	Conns() <-chan link.Conn
}
