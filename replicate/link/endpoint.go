package link

import "time"

// Endpoint is one share's end of the link.
type Endpoint struct {
	share string
	conns chan Conn
}

// State is what there is to say of an Endpoint.
type State struct {
	Connected bool
	Dialled   bool      // this node dialled the connection
	Remote    string    // the peer's network address
	Since     time.Time // of Connected, or of the disconnection; of Run at first
	Error     string    // why it is not connected, and what to do; "" if nothing is known
	Next      time.Time // the next attempt to dial; zero while one runs, and for a node that does not dial
}

// Share returns the name of the share.
func (e *Endpoint) Share() string { return e.share }

// Conns delivers each connection that is elected. At most one is alive: the
// one before has been closed. Nothing is delivered twice.
func (e *Endpoint) Conns() <-chan Conn { return e.conns }

// State says whether the share is connected, and if not, why.
func (e *Endpoint) State() State { panic("not yet") }
